"""A Singer target for Segment."""

from target_segment.target import TargetSegment

__all__ = ["TargetSegment"]
