-- What somebody wants to be told of, and what they were told.

-- `user_id` is empty where nobody logs in: then the terminal's alerts are everybody's. `revision` counts changes: what was found for an
-- older one is no longer wanted. `cooldown` in seconds. `changed_at`: what happened before does not count.
CREATE TABLE IF NOT EXISTS alerts (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     bigint      REFERENCES users ON DELETE CASCADE,
    revision    integer     NOT NULL DEFAULT 1,
    symbol      text        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('price', 'change', 'indicator', 'volume', 'news')),
    direction   text        NOT NULL CHECK (direction IN ('cross', 'above', 'below')),
    value       numeric     NOT NULL,
    timeframe   text,
    span        text,
    indicator   text,
    figure      text,
    repeat      text        NOT NULL CHECK (repeat IN ('once', 'every')),
    cooldown    integer     NOT NULL CHECK (cooldown >= 0),
    expires_at  timestamptz,
    note        text        NOT NULL DEFAULT '',
    state       text        NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'fired')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    fired_at    timestamptz,
    fired_count bigint      NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS alerts_user ON alerts (user_id);
CREATE INDEX IF NOT EXISTS alerts_active ON alerts (id) WHERE state = 'active';

-- One row per alert and event, however often the event is delivered. `alert` is what was asked for then: it may be changed or gone since.
-- `partition` is the one of the bus that the event came from: whoever owns it sees that its firings are told.
CREATE TABLE IF NOT EXISTS alert_firings (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id    bigint      REFERENCES alerts ON DELETE SET NULL,
    event       text        NOT NULL,
    user_id     bigint      REFERENCES users ON DELETE CASCADE,
    partition   integer     NOT NULL,
    symbol      text        NOT NULL,
    time        timestamptz NOT NULL,
    value       numeric     NOT NULL,
    alert       jsonb       NOT NULL,
    article     jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (alert_id, event)
);
CREATE INDEX IF NOT EXISTS alert_firings_user ON alert_firings (user_id, id DESC);
CREATE INDEX IF NOT EXISTS alert_firings_partition ON alert_firings (partition, id);
