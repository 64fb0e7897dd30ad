"""A Singer tap for Moesif."""

from tap_moesif.tap import TapMoesif

__all__ = ["TapMoesif"]
