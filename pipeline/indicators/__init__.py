"""Indicators: what there is (registry), and the two engines: incremental for the streamed set, pandas-ta for everything over history."""
