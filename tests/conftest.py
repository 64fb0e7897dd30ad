from __future__ import annotations

import hypothesis
import pytest

# A slow machine is no failure, and tests here are run side by side.
hypothesis.settings.register_profile("side_by_side", deadline=None)
hypothesis.settings.load_profile("side_by_side")


@pytest.fixture(autouse=True)
def _fresh_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("fresh_process"):
        monkeypatch.setenv("FRESH_PROCESSES", "1")
