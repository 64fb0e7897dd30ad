"""The scripted service of `singer_delivery.testing`."""

from singer_delivery.testing.service import Reply, Request, ScriptedService

__all__ = ["Reply", "Request", "ScriptedService"]
