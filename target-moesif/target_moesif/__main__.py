"""`python -m target_moesif`."""

from target_moesif.target import TargetMoesif

TargetMoesif.cli()
