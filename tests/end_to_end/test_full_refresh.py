"""What Meltano tells a loader of a full refresh, in this repository's project."""

from __future__ import annotations

import json

import pytest

from project import PROJECT, meltano

pytestmark = pytest.mark.xdist_group("project")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("loader", ["target-segment", "target-moesif"])
def test_meltanos_variable_for_a_full_refresh_reaches_the_loaders(
    loader: str, meltano_environment: dict[str, str]
) -> None:
    for variable, refresh in (({}, False), ({"MELTANO_RUN_FULL_REFRESH": "true"}, True)):
        environment = {**meltano_environment, **variable}
        shown = json.loads(meltano(PROJECT, environment, "config", "print", loader))
        assert bool(shown.get("full_refresh")) is refresh
