-- The tables of CONTRACT §4 that this version fills. Every statement can run again on an existing database.

-- One row per exchange + symbol + trade. event_ts stands in the key because a TimescaleDB hypertable demands its time column
-- there, and because the same index then answers "trades of a symbol in a range". The exchange never moves a trade in time, so
-- uniqueness is the same. trade_id is text: other exchanges use UUIDs.
CREATE TABLE IF NOT EXISTS trades (
    event_ts    timestamptz NOT NULL,
    exchange    text        NOT NULL,
    symbol      text        NOT NULL,
    trade_id    text        NOT NULL,
    price       numeric     NOT NULL,
    amount      numeric     NOT NULL,
    side        text        NOT NULL CHECK (side IN ('buy', 'sell')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, event_ts, trade_id)
);

CREATE TABLE IF NOT EXISTS candles (
    window_start    timestamptz NOT NULL,
    window_end      timestamptz NOT NULL,
    exchange        text        NOT NULL,
    symbol          text        NOT NULL,
    timeframe       text        NOT NULL,
    open            numeric     NOT NULL,
    high            numeric     NOT NULL,
    low             numeric     NOT NULL,
    close           numeric     NOT NULL,
    volume          numeric     NOT NULL,
    trade_count     bigint      NOT NULL DEFAULT 0,
    closed          boolean     NOT NULL,
    complete        boolean     NOT NULL DEFAULT true,
    first_trade_ts  timestamptz,
    last_trade_ts   timestamptz,
    duration_ms     bigint,
    source          text        NOT NULL DEFAULT 'live',
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, timeframe, window_start)
);

-- What a worker knew at a position of its input: saved together, so that it goes on exactly there after any death.
CREATE TABLE IF NOT EXISTS worker_state (
    worker      text        NOT NULL,
    partition   integer     NOT NULL,
    position    text        NOT NULL,
    state       bytea       NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (worker, partition)
);

-- One row per bar and indicator; only the figures that the indicator has are set. `time` is the bar's window_start.
CREATE TABLE IF NOT EXISTS indicators (
    time                timestamptz NOT NULL,
    exchange            text        NOT NULL,
    symbol              text        NOT NULL,
    timeframe           text        NOT NULL,
    indicator_type      text        NOT NULL,
    value               double precision,
    value_signal        double precision,
    value_histogram     double precision,
    upper_band          double precision,
    middle_band         double precision,
    lower_band          double precision,
    support_level       double precision,
    resistance_level    double precision,
    support_strength    double precision,
    resistance_strength double precision,
    created_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, timeframe, indicator_type, time)
);

-- One row per url: an article that comes again, edited, replaces itself. A few thousand a week: an ordinary table everywhere.
CREATE TABLE IF NOT EXISTS news (
    time            timestamptz NOT NULL,
    source          text        NOT NULL,
    url             text        NOT NULL,
    title           text        NOT NULL,
    content         text        NOT NULL DEFAULT '',
    sentiment_score double precision CHECK (sentiment_score BETWEEN -1 AND 1),
    symbols         jsonb       NOT NULL DEFAULT '[]',
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (url)
);
CREATE INDEX IF NOT EXISTS news_time ON news (time DESC, url);
CREATE INDEX IF NOT EXISTS news_symbols ON news USING gin (symbols);
