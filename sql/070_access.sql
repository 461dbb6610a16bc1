-- Who is logged in, and which keys programs use. Of tokens and keys only digests are kept: who reads this table can use none.

-- One row a login. Each refresh gives out a new token and keeps the digest of the one before, so that a stolen one betrays itself.
CREATE TABLE IF NOT EXISTS logins (
    id         uuid        PRIMARY KEY,
    user_id    bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    digest     bytea       NOT NULL,
    previous   bytea,
    agent      text        NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    rotated_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX IF NOT EXISTS logins_user ON logins (user_id);

-- `hint` is how a key begins, for people to tell theirs apart.
CREATE TABLE IF NOT EXISTS api_keys (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text        NOT NULL CHECK (name <> ''),
    hint       text        NOT NULL,
    digest     bytea       NOT NULL UNIQUE,
    scopes     text[]      NOT NULL CHECK (scopes <@ ARRAY['read', 'export', 'admin'] AND cardinality(scopes) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    used_at    timestamptz,
    revoked_at timestamptz
);
CREATE INDEX IF NOT EXISTS api_keys_user ON api_keys (user_id);
