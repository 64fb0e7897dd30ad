"""`python -m tap_moesif`."""

from tap_moesif.tap import TapMoesif

TapMoesif.cli()
