"""Checkpoints: which STATE may be written, and when."""
