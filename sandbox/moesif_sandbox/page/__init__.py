"""The page: what both services hold and received, and what can be done to them."""

from moesif_sandbox.page.api import PageApi

__all__ = ["PageApi"]
