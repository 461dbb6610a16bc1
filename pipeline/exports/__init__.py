"""Datasets to files (files.py), and the command that does it (command.py)."""
