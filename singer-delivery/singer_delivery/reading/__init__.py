"""Reads Singer lines, and applies stream maps to records."""
