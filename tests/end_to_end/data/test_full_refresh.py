"""What Meltano tells a loader of a full refresh, in this repository's project."""

from __future__ import annotations

import json

import pytest

from project import PROJECT, meltano

pytestmark = pytest.mark.xdist_group("project")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("loader", "variable"),
    [
        ("target-segment", {"MELTANO_RUN_FULL_REFRESH": "true"}),
        ("target-moesif", {"MELTANO_RUN_FULL_REFRESH": "true"}),
        ("target-moesif", {}),
    ],
)
def test_meltanos_variable_for_a_full_refresh_reaches_the_loaders(
    loader: str, variable: dict[str, str], meltano_environment: dict[str, str]
) -> None:
    environment = {**meltano_environment, **variable}
    shown = json.loads(meltano(PROJECT, environment, "config", "print", loader))
    assert bool(shown.get("full_refresh")) is bool(variable)
