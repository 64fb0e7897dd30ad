from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commands import Sandbox, sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def _running() -> Iterator[Sandbox]:
    with sandbox("--users", "60", "--companies", "6") as services:
        yield services


@pytest.fixture
def services(_running: Sandbox) -> Sandbox:
    """A sandbox as it was seeded."""
    _running.reset()
    return _running


@pytest.fixture
def meltano_environment(services: Sandbox, tmp_path: Path) -> dict[str, str]:
    """What points a Meltano project at the sandbox, and its state at a folder of the test's."""
    return {
        "MELTANO_STATE_BACKEND_URI": f"file://{tmp_path}/state",
        "TAP_MOESIF_API_URL": f"{services.url}/moesif/api/v1",
        "TAP_MOESIF_MANAGEMENT_API_KEY": "sandbox-management-key",
        "TARGET_SEGMENT_HOST": f"{services.url}/segment",
        "TARGET_SEGMENT_CDN_URL": f"{services.url}/segment-cdn",
        "TARGET_SEGMENT_WRITE_KEY": "sandbox-write-key",
    }
