"""The collector: takes profiles and events, by Moesif's rules, into the account's documents."""

from moesif_sandbox.moesif.collector.api import CollectorApi, CollectorLedger
from moesif_sandbox.moesif.collector.rules import KINDS
from moesif_sandbox.moesif.collector.writer import seen

__all__ = ["KINDS", "CollectorApi", "CollectorLedger", "seen"]
