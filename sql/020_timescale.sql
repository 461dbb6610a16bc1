-- TimescaleDB: hypertables. A day of trades of a dozen busy symbols (10-20 million rows) is a chunk whose newest part fits in
-- memory; candles are a thousand times fewer, indicators about twenty to a candle.
CREATE EXTENSION IF NOT EXISTS timescaledb;
SELECT create_hypertable('trades', 'event_ts', chunk_time_interval => INTERVAL '1 day', if_not_exists => TRUE, migrate_data => TRUE);
SELECT create_hypertable('candles', 'window_start', chunk_time_interval => INTERVAL '30 days', if_not_exists => TRUE, migrate_data => TRUE);
SELECT create_hypertable('indicators', 'time', chunk_time_interval => INTERVAL '7 days', if_not_exists => TRUE, migrate_data => TRUE);
