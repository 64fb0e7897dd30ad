"""`python -m target_segment`."""

from target_segment.target import TargetSegment

TargetSegment.cli()
