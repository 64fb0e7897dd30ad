"""The collector: validates profiles and events, and writes them to the account."""

from moesif_sandbox.moesif.collector.api import CollectorApi, CollectorLedger
from moesif_sandbox.moesif.collector.rules import KINDS
from moesif_sandbox.moesif.collector.writer import seen

__all__ = ["KINDS", "CollectorApi", "CollectorLedger", "seen"]
