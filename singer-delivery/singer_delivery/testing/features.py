"""What a target promises of the features that it offers, as tests; others are skipped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from singer_delivery.testing.subject import Subject, Trial


class FeaturePromises:
    """The tests of the features, which `DeliveryPromises` has too."""

    subject: ClassVar[Subject]

    def test_only_changes_are_sent_with_changed_only(self, trial: Trial, tmp_path: Path) -> None:
        self._skip_without("changed_only")
        settings: dict[str, Any] = {
            "changed_only": True,
            "fingerprints_path": str(tmp_path / "fingerprints.sqlite"),
        }
        lines = self.subject.lines(range(5))
        record = json.dumps(self.subject.record(3))
        changed = json.loads(record.replace(self.subject.canary, f"{self.subject.canary}x"))
        trial.run(lines, **settings)
        again = trial.run([*lines, self.subject.line(changed)], **settings)
        assert again.exit_code == 0
        assert (again.summary["unchanged"], again.summary["delivered"]) == (5, 1)
        assert {number: len(sent) for number, sent in trial.arrived.items() if sent[1:]} == {3: 2}

    def test_bodies_are_compressed_only_by_a_target_that_offers_it(self, trial: Trial) -> None:
        trial.run(self.subject.lines([1]))
        [request] = trial.requests
        is_compressed = request.headers.get("Content-Encoding") == "gzip"
        assert is_compressed is ("compression" in self._settings)

    @property
    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = self.subject.target.config_jsonschema["properties"]
        return settings

    def _skip_without(self, feature: str) -> None:
        if feature not in self._settings:
            pytest.skip(f"this target does not offer {feature}")
