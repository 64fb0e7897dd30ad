"""The search: documents, and the part of the engine's DSL that clients use."""

from moesif_sandbox.moesif.search.dsl import Json, SearchError
from moesif_sandbox.moesif.search.index import Document, Index
from moesif_sandbox.moesif.search.search import Found, search

__all__ = ["Document", "Found", "Index", "Json", "SearchError", "search"]
