"""What a target does not declare it does not offer; looked at in the README's webhook."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from target_webhook import TargetWebhook

CHANGED_ONLY = {"changed_only", "fingerprints_path", "fingerprints_lease", "full_refresh"}
ON_REMOVED = {"on_removed", "removed_event", "max_removed"}
OTHERS = {*CHANGED_ONLY, *ON_REMOVED, "null_traits", "compression"}


@pytest.fixture(scope="module")
def about() -> dict[str, object]:
    ended = CliRunner().invoke(TargetWebhook.cli, ["--about", "--format=json"])
    settings: dict[str, object] = json.loads(ended.stdout)["settings"]["properties"]
    return settings


def test_a_webhook_has_its_own_settings_and_the_shared_ones(about: dict[str, object]) -> None:
    assert about.keys() >= {"url", "token", "lanes", "max_rejects", "dry_run", "summary_path"}


def test_a_webhook_has_no_setting_of_a_feature_that_it_does_not_name(
    about: dict[str, object],
) -> None:
    assert not about.keys() & OTHERS
