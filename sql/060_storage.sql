-- How long what is kept, where. The same table and procedures on both databases; every statement can run again.

-- A row per table, for candles and indicators per timeframe. Empty `keep` is for ever. Rows may be edited: what is there stays.
CREATE TABLE IF NOT EXISTS storage_plan (
    dataset   text NOT NULL CHECK (dataset IN ('trades', 'candles', 'indicators', 'news', 'candle_checks')),
    timeframe text NOT NULL DEFAULT '',
    keep      interval CHECK (keep >= interval '2 days'),
    PRIMARY KEY (dataset, timeframe)
);
-- Trades make everything else, and are the bulk. Indicators can be computed again from candles. 5s candles are for the last days'
-- charts. Hours and days are small enough for ever: 88 000 rows a year for eight symbols.
INSERT INTO storage_plan (dataset, timeframe, keep) VALUES
    ('trades', '', '90 days'),
    ('candles', '5s', '30 days'), ('candles', '1m', '2 years'), ('candles', '5m', '3 years'), ('candles', '15m', '5 years'),
    ('candles', '1h', NULL), ('candles', '4h', NULL), ('candles', '1d', NULL),
    ('indicators', '5s', '7 days'), ('indicators', '1m', '90 days'), ('indicators', '5m', '180 days'),
    ('indicators', '15m', '1 year'), ('indicators', '1h', '2 years'), ('indicators', '4h', '5 years'), ('indicators', '1d', NULL),
    ('news', '', '2 years'),
    ('candle_checks', '', '90 days')
ON CONFLICT DO NOTHING;

-- What lies in the object store instead of in its table: one row a file. Ranges are of whole UTC days, end not included. `digest` is
-- of the rows (pipeline.store.parts), `generation` counts the files of one range: rows that came later make one more.
CREATE TABLE IF NOT EXISTS cold_parts (
    dataset    text        NOT NULL CHECK (dataset IN ('trades', 'candles')),
    exchange   text        NOT NULL,
    symbol     text        NOT NULL,
    timeframe  text        NOT NULL DEFAULT '',
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL CHECK (ends_at > starts_at),
    generation integer     NOT NULL,
    path       text        NOT NULL UNIQUE,
    row_count  bigint      NOT NULL CHECK (row_count > 0),
    bytes      bigint      NOT NULL,
    digest     text        NOT NULL,
    moved_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset, exchange, symbol, timeframe, starts_at, generation)
);

CREATE OR REPLACE FUNCTION candle_length(timeframe text) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE timeframe WHEN '5s' THEN interval '5 seconds' WHEN '1m' THEN interval '1 minute' WHEN '5m' THEN interval '5 minutes'
        WHEN '15m' THEN interval '15 minutes' WHEN '1h' THEN interval '1 hour' WHEN '4h' THEN interval '4 hours'
        WHEN '1d' THEN interval '1 day' END
$$;

-- Minutes of a candle, at least one.
CREATE OR REPLACE FUNCTION candle_minutes(timeframe text) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(extract(epoch FROM candle_length(timeframe))::float8 / 60, 1)
$$;

CREATE OR REPLACE FUNCTION forget_backfill(of_timeframe text, before timestamptz) RETURNS void LANGUAGE sql AS $$
    DELETE FROM backfill_progress WHERE timeframe = of_timeframe AND range_end <= before;
    UPDATE backfill_progress SET range_start = before WHERE timeframe = of_timeframe AND range_start < before;
$$;

-- Delete what `storage_plan` keeps no longer; the number of rows. `reach` is how far backfill reaches back in 1m candles: no candle
-- within it is deleted, or backfill would fetch it again for ever. `hot` is how long trades and 1m candles stay before they move to
-- the cold tier (of coarser candles as many), empty where there is none: what is kept longer expires there (pipeline.store.tiers).
-- Ranges of deleted candles go from backfill_progress: they are there no longer.
DROP FUNCTION IF EXISTS apply_retention(interval, boolean, timestamptz);
CREATE OR REPLACE FUNCTION apply_retention(reach interval, hot interval, now_is timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    plan   storage_plan;
    column_ text;
    before timestamptz;
    gone   bigint;
    total  bigint := 0;
BEGIN
    FOR plan IN SELECT * FROM storage_plan WHERE keep IS NOT NULL LOOP
        CONTINUE WHEN plan.dataset IN ('trades', 'candles') AND plan.keep > hot * coalesce(candle_minutes(nullif(plan.timeframe, '')), 1);
        before := now_is - CASE WHEN plan.dataset = 'candles'
                                THEN greatest(plan.keep, reach * candle_minutes(plan.timeframe) + interval '1 day') ELSE plan.keep END;
        column_ := CASE plan.dataset WHEN 'trades' THEN 'event_ts' WHEN 'candles' THEN 'window_start'
                                     WHEN 'candle_checks' THEN 'window_start' ELSE 'time' END;
        EXECUTE format('DELETE FROM %I WHERE %I < $1', plan.dataset, column_)
            || CASE WHEN plan.timeframe <> '' THEN ' AND timeframe = $2' ELSE '' END USING before, plan.timeframe;
        GET DIAGNOSTICS gone = ROW_COUNT;
        total := total + gone;
        IF plan.dataset = 'candles' THEN
            PERFORM forget_backfill(plan.timeframe, before);
        END IF;
    END LOOP;
    RETURN total;
END $$;
