"""Singer records as Segment identify, group and track calls."""

from target_segment.target import TargetSegment

__all__ = ["TargetSegment"]
