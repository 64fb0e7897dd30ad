"""Segment: the tracking API and its CDN, the rules for messages, and received messages."""

from moesif_sandbox.segment.api import SegmentApi, SegmentLedger

__all__ = ["SegmentApi", "SegmentLedger"]
