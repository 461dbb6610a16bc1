"""Speed, as ratios against a baseline in the same run. `make bench` runs all of it; nothing here is a test."""
