-- The continuous aggregates of TimescaleDB under the same names: views, always fresh, computed when they are read.
CREATE OR REPLACE VIEW trade_hours AS
SELECT date_trunc('hour', event_ts, 'UTC') AS hour, exchange, symbol, count(*) AS trade_count, sum(amount) AS volume,
       sum(price * amount) AS quote_volume, sum(amount) FILTER (WHERE side = 'buy') AS buy_volume,
       max(price) AS high, min(price) AS low
FROM trades GROUP BY 1, 2, 3;

CREATE OR REPLACE VIEW trade_days AS
SELECT date_trunc('day', hour, 'UTC') AS day, exchange, symbol, sum(trade_count)::bigint AS trade_count, sum(volume) AS volume,
       sum(quote_volume) AS quote_volume, sum(buy_volume) AS buy_volume, max(high) AS high, min(low) AS low
FROM trade_hours GROUP BY 1, 2, 3;
