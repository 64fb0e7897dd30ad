"""The web page: the data of both services, and controls."""

from moesif_sandbox.page.api import PageApi

__all__ = ["PageApi"]
