"""The soak: the whole terminal under a steady load for half an hour; it must neither grow, nor slow down, nor lose anything."""
