"""The definitions for Meltano's hub, added to a project that has nothing yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from project import PROJECT, meltano

if TYPE_CHECKING:
    from pathlib import Path

    from commands import Sandbox

CONNECTORS = ("tap-moesif", "target-segment", "target-moesif")
EMPTY = {
    "requires_meltano": ">=4.0",
    "default_environment": "prod",
    "environments": [{"name": "prod"}],
    "send_anonymous_usage_stats": False,
}


@pytest.mark.wheels
@pytest.mark.timeout(600)
def test_the_connectors_are_added_by_their_definitions_and_run(
    services: Sandbox,
    tmp_path: Path,
    meltano_environment: dict[str, str],
    wheels: dict[str, Path],
) -> None:
    """Their wheels stand where the published ones will."""
    environment = {
        **meltano_environment,
        "UV_FIND_LINKS": str(wheels["tap-moesif"].parent),
        "UV_CONSTRAINT": str(PROJECT / "constraints.txt"),
        "TARGET_SEGMENT_CHANGED_ONLY": "true",
    }
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(EMPTY, sort_keys=False))
    for connector in CONNECTORS:
        reference = str(PROJECT / connector / "meltano-hub.yml")
        meltano(tmp_path, environment, "add", "--no-install", "--from-ref", reference, connector)
    meltano(tmp_path, environment, "install")
    meltano(tmp_path, environment, "select", "tap-moesif", "*", "*")
    for stream in ("events", "usage"):
        meltano(tmp_path, environment, "select", "tap-moesif", "--exclude", stream, "*")

    printed = meltano(tmp_path, environment, "config", "print", "target-segment")
    settings = json.loads(printed)
    assert settings["changed_only"] is True
    assert settings["fingerprints_path"] == f"{tmp_path}/output/fingerprints/{{target}}.sqlite"
    assert settings["batch_max_bytes"] == 475_000

    meltano(tmp_path, environment, "run", "tap-moesif", "target-segment")
    assert services.segment()["counts"]["accepted"] == 60
    assert (tmp_path / "output" / "fingerprints" / "target-segment.sqlite").exists()
    meltano(tmp_path, environment, "run", "tap-moesif", "target-moesif")
    assert len(services.collector()["accepted"]["users"]) == 60
