"""Everything that makes data: exchanges in, candles made, rows stored, live messages out."""
