-- Dashboards read the market, and nothing of users. The role is there where deploy/timescaledb/reader.sql made it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'cryptoviz_reader') THEN
        GRANT SELECT ON trades, candles, indicators, news, sentiment, quality, gaps, candle_checks, backfill_progress,
            storage_plan, cold_parts, trade_hours, trade_days TO cryptoviz_reader;
    END IF;
END $$;
