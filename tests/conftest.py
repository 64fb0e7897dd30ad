from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _fresh_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("fresh_process"):
        monkeypatch.setenv("FRESH_PROCESSES", "1")
