-- Run once, when the database is made: who looks (Grafana, the exporter) reads the market, and neither changes anything nor sees users.
-- What it may read is granted by sql/085_reader.sql, which has the tables.
\set password `cat /run/secrets/reader_password`
CREATE ROLE cryptoviz_reader LOGIN PASSWORD :'password' CONNECTION LIMIT 20;
GRANT pg_monitor TO cryptoviz_reader;
ALTER ROLE cryptoviz_reader SET default_transaction_read_only = on;
ALTER ROLE cryptoviz_reader SET statement_timeout = '15s';
