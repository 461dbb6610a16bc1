-- The 24 hours of a symbol that end with its newest candle of a timeframe, from the stored candles: the figures of `/api/v1/stats`,
-- which adds the forming candle. No row where there is no candle. A timeframe whose candles do not reach back a day gives what there is.
CREATE OR REPLACE FUNCTION stats(of_symbol text, of_timeframe text DEFAULT '1m', of_exchange text DEFAULT 'BINANCE')
RETURNS TABLE (symbol text, timeframe text, latest_price numeric, price_change_24h numeric, price_change_pct_24h numeric,
               volume_24h numeric, high_24h numeric, low_24h numeric, last_update timestamptz)
LANGUAGE sql STABLE AS $$
    WITH newest AS (
        SELECT c.close, c.window_end, coalesce(c.last_trade_ts, c.created_at) AS moved FROM candles AS c
        WHERE c.exchange = of_exchange AND c.symbol = of_symbol AND c.timeframe = of_timeframe
        ORDER BY c.window_start DESC LIMIT 1
    ), day AS (
        SELECT (array_agg(c.open ORDER BY c.window_start))[1] AS opened, sum(c.volume) AS volume, max(c.high) AS high, min(c.low) AS low
        FROM candles AS c, newest
        WHERE c.exchange = of_exchange AND c.symbol = of_symbol AND c.timeframe = of_timeframe
          AND c.window_start >= newest.window_end - interval '1 day'
    )
    SELECT of_symbol, of_timeframe, newest.close, newest.close - day.opened,
           CASE WHEN day.opened = 0 THEN 0 ELSE round((newest.close - day.opened) / day.opened * 100, 8) END,
           day.volume, day.high, day.low, newest.moved
    FROM newest, day
$$;
