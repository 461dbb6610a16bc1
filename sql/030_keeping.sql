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
