-- What keeps history whole and true. Small tables, ordinary ones everywhere; every statement can run again.

-- Ranges [range_start, range_end) of a series for which the exchange's own candles are stored. Ranges never touch: those that
-- would are joined. `candles` counts what came; windows in which the exchange has none are there, too.
CREATE TABLE IF NOT EXISTS backfill_progress (
    exchange    text        NOT NULL,
    symbol      text        NOT NULL,
    timeframe   text        NOT NULL,
    range_start timestamptz NOT NULL,
    range_end   timestamptz NOT NULL CHECK (range_end > range_start),
    candles     bigint      NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, timeframe, range_start)
);

-- How a trade came: 'live' over the socket, 'repair' fetched by its id after a break. The index finds the hours that repairs
-- completed; it holds those rows alone.
ALTER TABLE trades ADD COLUMN IF NOT EXISTS source text NOT NULL DEFAULT 'live';
CREATE INDEX IF NOT EXISTS trades_repaired ON trades (created_at) WHERE source <> 'live';

-- Trades that are missing for good: the ids, both included, and the times of the trades on either side.
CREATE TABLE IF NOT EXISTS gaps (
    exchange    text        NOT NULL,
    symbol      text        NOT NULL,
    first_id    bigint      NOT NULL,
    last_id     bigint      NOT NULL CHECK (last_id >= first_id),
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    reason      text        NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, first_id, last_id)
);

-- Own closed, whole candles that were held against the exchange's, each once. `ours` and `theirs` are set where they differ;
-- `theirs` stays empty where the exchange has no such candle.
CREATE TABLE IF NOT EXISTS candle_checks (
    exchange     text        NOT NULL,
    symbol       text        NOT NULL,
    timeframe    text        NOT NULL,
    window_start timestamptz NOT NULL,
    matched      boolean     NOT NULL,
    ours         jsonb,
    theirs       jsonb,
    checked_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, timeframe, window_start)
);
CREATE INDEX IF NOT EXISTS candle_checks_time ON candle_checks (checked_at);

-- The ledger: what is known of each hour of a symbol. `trades_expected` counts the ids from just after the newest trade before the
-- hour up to the newest in it, so ids that are missing count for the hour in which trades went on, and the hours of a symbol add
-- up to all its ids; empty where an exchange's ids do not count up.
CREATE TABLE IF NOT EXISTS quality (
    hour               timestamptz NOT NULL,
    exchange           text        NOT NULL,
    symbol             text        NOT NULL,
    trades_expected    bigint,
    trades_stored      bigint      NOT NULL,
    trades_repaired    bigint      NOT NULL,
    duplicates         bigint      NOT NULL,
    gaps               integer     NOT NULL,
    candles_checked    integer     NOT NULL,
    candles_mismatched integer     NOT NULL,
    lag_p50_ms         bigint,
    lag_p99_ms         bigint,
    updated_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, hour)
);
CREATE INDEX IF NOT EXISTS quality_hour ON quality (hour, symbol);
