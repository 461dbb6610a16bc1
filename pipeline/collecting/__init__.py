"""The collector's parts: order and completeness of trades, the way to the bus, history at start."""
