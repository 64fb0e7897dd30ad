"""Rejected records, with the reasons."""
