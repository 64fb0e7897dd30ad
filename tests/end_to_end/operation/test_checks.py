"""`meltano invoke PLUGIN:check` finds what a run would stumble over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from commands import Sandbox
    from machine import Machine

pytestmark = [pytest.mark.timeout(300), pytest.mark.orchestration]


def test_meltano_checks_the_tap_and_the_target(machine: Machine, services: Sandbox) -> None:
    machine.configure(services, TARGET_SEGMENT_CDN_URL=f"{services.url}/segment-cdn")
    tap = machine.meltano("invoke", "tap-moesif:check")
    assert tap.code == 0, tap.stderr
    assert "✓ stream users" in tap.stdout
    target = machine.meltano("invoke", "target-segment:check")
    assert target.code == 0, target.stderr
    assert "✓ write_key" in target.stdout
    assert "✓ rejects_path" in target.stdout
    assert not (machine.project / "output").exists()
    machine.configure(services, TARGET_SEGMENT_REGION="eu", TARGET_SEGMENT_LANES="0")
    wrong = machine.meltano("invoke", "target-segment:check")
    assert wrong.code == 1
    assert "✗ settings" in wrong.stdout


def test_meltano_makes_the_first_contact(machine: Machine, services: Sandbox) -> None:
    for plugin, service in (("tap-moesif", "Moesif"), ("target-segment", "Segment")):
        ended = machine.meltano("invoke", f"{plugin}:first-contact")
        assert ended.code == 0, ended.stderr
        assert f"# First contact of {plugin}" in ended.stdout
        assert f"with {service}" in ended.stdout
    assert services.segment()["counts"]["accepted"] == 0
