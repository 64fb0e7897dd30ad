from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from segment.analytics.client import Client  # type: ignore[import-untyped]  # has no types

if TYPE_CHECKING:
    from tests.sandbox.conftest import Sandbox

pytestmark = pytest.mark.slow

TRAITS = {"email": "ann@mail.example", "größe": "㊗️🎉", "nested": {"list": [1, 2.5, None, True]}}


@pytest.mark.parametrize("gzip", [False, True])
def test_messages_of_segments_own_client_arrive_whole(sandbox: Sandbox, gzip: bool) -> None:
    failures: list[object] = []
    client = Client(
        "sandbox-write-key",
        host=f"{sandbox.url}/segment",
        gzip=gzip,
        on_error=lambda error, _batch: failures.append(error),
        upload_interval=0.05,
    )
    client.identify("u1", TRAITS, context={"ip": "192.0.2.1"}, integrations={"All": True})
    client.group("u1", "g1", {"name": "Initech"})
    client.track("u1", "Report Submitted", {"revenue": 12.5})
    client.page("u1", "Docs", "Start")
    client.alias("old", "u1")
    client.shutdown()

    assert failures == []
    received = sandbox.segment()
    assert received["discarded"] == received["duplicates"] == []
    identify, group, track, page, alias = received["accepted"]
    assert identify["traits"] == TRAITS
    assert identify["context"]["ip"] == "192.0.2.1"
    assert identify["integrations"] == {"All": True}
    assert (group["groupId"], group["traits"]) == ("g1", {"name": "Initech"})
    assert (track["event"], track["properties"]) == ("Report Submitted", {"revenue": 12.5})
    assert (page["name"], page["category"]) == ("Start", "Docs")
    assert (alias["previousId"], alias["userId"]) == ("old", "u1")


def test_full_batches_of_segments_own_client_are_within_the_limits(sandbox: Sandbox) -> None:
    failures: list[object] = []
    client = Client(
        "sandbox-write-key",
        host=f"{sandbox.url}/segment",
        on_error=lambda error, _batch: failures.append(error),
        upload_interval=0.05,
    )
    for number in range(60):
        client.identify(f"u{number}", {"pad": "x" * 30_000})
    client.shutdown()
    assert failures == []
    users = [message["userId"] for message in sandbox.segment()["accepted"]]
    assert users == [f"u{number}" for number in range(60)]
