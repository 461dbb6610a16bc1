-- The mood of the news of a coin (or of all: `market`) at the end of each bucket, as docs/sentiment.md defines it. A bucket is written
-- anew while its articles may still come in. Few thousand rows a day: an ordinary table everywhere.
CREATE TABLE IF NOT EXISTS sentiment (
    time       timestamptz      NOT NULL,
    coin       text             NOT NULL,
    timeframe  text             NOT NULL,
    value      double precision NOT NULL CHECK (value BETWEEN -1 AND 1),
    low        double precision NOT NULL CHECK (low BETWEEN -1 AND 1),
    high       double precision NOT NULL CHECK (high BETWEEN low AND 1),
    articles   integer          NOT NULL CHECK (articles >= 0),
    weight     double precision NOT NULL,
    created_at timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (coin, timeframe, time)
);
