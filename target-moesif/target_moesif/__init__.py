"""Singer records as Moesif users, companies, actions and subscriptions."""

from target_moesif.target import TargetMoesif

__all__ = ["TargetMoesif"]
