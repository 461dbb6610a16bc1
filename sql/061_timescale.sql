-- Compression. Every question names exchange and symbol (and timeframe and type) and wants a range of time: those segment, time
-- orders. Compressing starts later than writing reaches: repairs of trades reach back two days, the keeper's backfill seven days of 1m
-- candles and thirty-five of 5m. What backfill still writes into compressed chunks at its first run (years of days) is right, only slower.
ALTER TABLE trades SET (timescaledb.compress, timescaledb.compress_segmentby = 'exchange, symbol',
                        timescaledb.compress_orderby = 'event_ts DESC, trade_id DESC');
ALTER TABLE candles SET (timescaledb.compress, timescaledb.compress_segmentby = 'exchange, symbol, timeframe',
                         timescaledb.compress_orderby = 'window_start DESC');
ALTER TABLE indicators SET (timescaledb.compress, timescaledb.compress_segmentby = 'exchange, symbol, timeframe, indicator_type',
                            timescaledb.compress_orderby = 'time DESC');
SELECT add_compression_policy('trades', compress_after => INTERVAL '7 days', if_not_exists => TRUE);
SELECT add_compression_policy('candles', compress_after => INTERVAL '120 days', if_not_exists => TRUE);
SELECT add_compression_policy('indicators', compress_after => INTERVAL '30 days', if_not_exists => TRUE);

-- Retention runs from `storage_plan`, in the keeper (pipeline.keeping.upkeep): candles of all timeframes share chunks, so they go by
-- rows; chunks that this or the cold tier has emptied are dropped whole here. A chunk counts as empty when nothing is in it.
CREATE OR REPLACE FUNCTION drop_empty_chunks(older_than timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    chunk   record;
    filled  boolean;
    dropped integer := 0;
BEGIN
    FOR chunk IN SELECT format('%I.%I', chunk_schema, chunk_name) AS name FROM timescaledb_information.chunks
                 WHERE hypertable_name IN ('trades', 'candles', 'indicators') AND range_end < older_than LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', chunk.name) INTO filled;
        IF NOT filled THEN
            EXECUTE format('DROP TABLE %s', chunk.name);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;
