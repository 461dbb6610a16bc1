-- Continuous aggregates over trades: what an hour and a day amounted to. Reads are real-time: what is not materialized yet is added from
-- the trades themselves. They are of the trades in the table, as the views on plain PostgreSQL are.
DO $$
BEGIN
    -- A database that was plain before has views of these names.
    IF EXISTS (SELECT FROM pg_views WHERE viewname = 'trade_hours' AND schemaname = current_schema())
       AND NOT EXISTS (SELECT FROM timescaledb_information.continuous_aggregates WHERE view_name = 'trade_hours') THEN
        DROP VIEW IF EXISTS trade_days;
        DROP VIEW trade_hours;
    END IF;
END $$;

CREATE MATERIALIZED VIEW IF NOT EXISTS trade_hours WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 hour', event_ts) AS hour, exchange, symbol, count(*) AS trade_count, sum(amount) AS volume,
       sum(price * amount) AS quote_volume, sum(amount) FILTER (WHERE side = 'buy') AS buy_volume,
       max(price) AS high, min(price) AS low
FROM trades GROUP BY 1, 2, 3
WITH NO DATA;

CREATE MATERIALIZED VIEW IF NOT EXISTS trade_days WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 day', hour) AS day, exchange, symbol, sum(trade_count)::bigint AS trade_count, sum(volume) AS volume,
       sum(quote_volume) AS quote_volume, sum(buy_volume) AS buy_volume, max(high) AS high, min(low) AS low
FROM trade_hours GROUP BY 1, 2, 3
WITH NO DATA;

-- From the beginning of time: TimescaleDB notes which hours changed and computes those alone, so a window without a start costs nothing
-- and misses no repair, however old, nor the years that a database had before this file. (With a start of three days ago the hours before
-- it, never materialized, were in no answer.) Up to two hours ago, far beyond the minute that trades may be late. A repair refreshes
-- its hours at once (pipeline.store.aggregates).
SELECT remove_continuous_aggregate_policy('trade_hours', if_exists => TRUE), remove_continuous_aggregate_policy('trade_days', if_exists => TRUE);
SELECT add_continuous_aggregate_policy('trade_hours', start_offset => NULL, end_offset => INTERVAL '2 hours',
                                       schedule_interval => INTERVAL '30 minutes');
SELECT add_continuous_aggregate_policy('trade_days', start_offset => NULL, end_offset => INTERVAL '1 day',
                                       schedule_interval => INTERVAL '6 hours');
