"""Moesif's users and companies as Singer streams."""

from tap_moesif.tap import TapMoesif

__all__ = ["TapMoesif"]
