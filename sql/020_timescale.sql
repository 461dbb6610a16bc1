-- TimescaleDB: hypertables, by time, and trades by symbol too. Why these sizes: docs/storage.md.
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- A day: 10-20 million rows of a dozen busy symbols, 2-4 GB with the index. The chunk that is written to stays in memory, and a
-- day is what moves to the cold tier or is dropped in one piece.
SELECT create_hypertable('trades', 'event_ts', chunk_time_interval => INTERVAL '1 day', if_not_exists => TRUE, migrate_data => TRUE);
-- In space four parts by symbol: every question names one, so it reads a quarter of the chunks, and compressing a part holds up
-- only the writes to that part. Only where there is no chunk yet: those that are there could not be divided.
SELECT add_dimension('trades', by_hash('symbol', 4), if_not_exists => TRUE)
WHERE NOT EXISTS (SELECT FROM timescaledb_information.chunks WHERE hypertable_name = 'trades');

-- Thirty days: candles are a thousand times fewer than trades (155 000 a day for eight symbols), and those of a day reach back ten
-- years, which must not become thousands of chunks. Not divided in space: a thirtieth of a chunk is one index range anyway.
SELECT create_hypertable('candles', 'window_start', chunk_time_interval => INTERVAL '30 days', if_not_exists => TRUE, migrate_data => TRUE);

-- Seven days: ten figures to a candle.
SELECT create_hypertable('indicators', 'time', chunk_time_interval => INTERVAL '7 days', if_not_exists => TRUE, migrate_data => TRUE);

-- `news` stays an ordinary table: "one row per url" is a unique key without time, which a hypertable cannot have, and a few thousand
-- small rows a week need no chunks.
