"""Segment: the rules for a message, the tracking API and its CDN, and what arrived."""

from moesif_sandbox.segment.api import SegmentApi, SegmentLedger

__all__ = ["SegmentApi", "SegmentLedger"]
