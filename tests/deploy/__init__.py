"""What production runs, as far as it runs without Docker."""
