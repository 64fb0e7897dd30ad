"""The streams. Each stream class declared in a module of this package is part of the tap."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tap_moesif.streams.base import (
    IncrementalStream,
    ListStream,
    MoesifStream,
    SearchStream,
)

__all__ = ["STREAMS", "IncrementalStream", "ListStream", "MoesifStream", "SearchStream"]


def _found() -> list[type[MoesifStream]]:
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return sorted(
        (
            value
            for module in modules
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, MoesifStream)
            and "name" in vars(value)
            and value.__module__ == module.__name__
        ),
        key=lambda stream: str(vars(stream)["name"]),
    )


STREAMS = _found()
"""All stream classes, sorted by name."""
