"""History kept whole and true: backfill, reconciliation with the exchange, the ledger of quality."""
