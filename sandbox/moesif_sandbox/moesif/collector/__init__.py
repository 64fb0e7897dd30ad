"""The collector: takes profiles and events, by Moesif's rules, into the account's documents."""

from moesif_sandbox.moesif.collector.api import CollectorApi
from moesif_sandbox.moesif.collector.ledger import CollectorLedger
from moesif_sandbox.moesif.collector.profiles import seen
from moesif_sandbox.moesif.collector.rules import KINDS

__all__ = ["KINDS", "CollectorApi", "CollectorLedger", "seen"]
