-- Plain PostgreSQL: the tables answer as they are. Trades and candles arrive in time order and are never updated in bulk, so
-- vacuum by inserts is enough; the default of 20 % would let the visibility map of a big trades table go stale for hours.
ALTER TABLE trades SET (autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE candles SET (autovacuum_vacuum_insert_scale_factor = 0.05);
