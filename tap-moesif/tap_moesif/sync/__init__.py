"""The state of a stream, and the writing of Singer messages."""

from tap_moesif.sync.scan import Scan, StateError, StreamState, check_not_ahead, earlier
from tap_moesif.sync.writer import AtomicLineWriter

__all__ = ["AtomicLineWriter", "Scan", "StateError", "StreamState", "check_not_ahead", "earlier"]
