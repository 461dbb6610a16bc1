-- Layouts of the terminal under names, of those who log in. `value` is the page's own: what is shown where, and what is on the chart.
CREATE TABLE IF NOT EXISTS layouts (
    user_id    bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text        NOT NULL CHECK (name <> ''),
    value      jsonb       NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, name)
);
