"""Moesif's own clients against the collector: what they send was written by nobody here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from moesifapi import Configuration  # type: ignore[import-untyped]  # has no types
from moesifapi.controllers import ApiController  # type: ignore[import-untyped]
from moesifapi.exceptions import APIException  # type: ignore[import-untyped]
from moesifapi.http.requests_client import RequestsClient  # type: ignore[import-untyped]
from moesifapi.models import (  # type: ignore[import-untyped]
    CampaignModel,
    CompanyModel,
    EventModel,
    EventRequestModel,
    EventResponseModel,
    SubscriptionModel,
    UserModel,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.conftest import Sandbox

pytestmark = pytest.mark.slow

NODE_CLIENT = "moesifapi@3.1.3"
NODE_CALLS = Path(__file__).with_name("moesif_client.js")
NPM_OPTIONS = ("--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund",
               "--fetch-retries=0")  # fmt: skip
KINDS = ("users", "companies", "subscriptions", "actions", "events")
NOW = datetime.now(timezone.utc)
METADATA = {"email": "zoe@acme.example", "größe": "㊗️🎉", "nested": {"list": [1, 2.5], "no": None}}


@pytest.fixture
def python_client(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(Configuration, "BASE_URI", f"{sandbox.url}/moesif/collector")
    monkeypatch.setattr(Configuration, "application_id", "sandbox-application-id")
    http = RequestsClient()
    yield ApiController(http)
    http.session.close()


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Moesif's Node client, in a folder that is gone after the tests."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    command = [npm, "install", "--prefix", str(folder), *NPM_OPTIONS, NODE_CLIENT]
    try:
        subprocess.run(command, capture_output=True, check=True, timeout=60)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("npm's registry does not give Moesif's Node client")
    return folder / "node_modules"


def user(user_id: str) -> Any:
    return UserModel(
        user_id=user_id,
        company_id="c1",
        modified_time=NOW,
        ip_address="192.0.2.1",
        session_token="token",
        user_agent_string="Firefox/124.0",
        metadata=METADATA,
        campaign=CampaignModel(utm_source="newsletter"),
    )


def event(user_id: str) -> Any:
    request = EventRequestModel(time=NOW, uri="https://api.example", verb="GET", headers={"A": "b"})
    response = EventResponseModel(time=NOW, status=200, headers={}, body={"ok": True})
    return EventModel(request=request, response=response, user_id=user_id, metadata=METADATA)


def test_all_that_moesifs_python_client_writes_arrives(
    sandbox: Sandbox, python_client: Any
) -> None:
    python_client.update_user(user("u1"))
    python_client.update_users_batch([user("u2"), UserModel(user_id="u3")])
    company = CompanyModel(company_id="c1", modified_time=NOW, company_domain="acme.example",
                           metadata=METADATA)  # fmt: skip
    python_client.update_company(company)
    python_client.update_companies_batch([company, CompanyModel(company_id="c2")])
    subscription = SubscriptionModel("s1", "c1", NOW, NOW, "active", METADATA)
    python_client.update_subscription(subscription)
    python_client.update_subscriptions_batch(
        [subscription, SubscriptionModel(subscription_id="s2", company_id="c2", status="paused")]
    )
    python_client.create_event(event("u1"))
    python_client.create_events_batch([event("u1"), event("u2")])

    received = sandbox.collector()
    assert received["refused"] == []
    assert [received["counts"]["accepted"][kind] for kind in KINDS] == [3, 3, 3, 0, 3]
    assert received["ids"]["users"] == ["u1", "u2", "u3"]
    found = sandbox.found("users", "u2")
    assert found["metadata"] == {"größe": "㊗️🎉", "nested": {"list": [1, 2.5]}}
    assert (found["email"], found["company"]["company_domain"]) == (
        "zoe@acme.example",
        "acme.example",
    )
    assert found["campaign"] == {"utm_source": "newsletter"}
    assert [s["subscription_id"] for s in found["company"]["subscriptions"]] == ["s1"]


def test_moesifs_python_client_reads_the_configuration_and_the_rules(
    python_client: Any,
) -> None:
    configuration = python_client.get_app_config()
    assert json.loads(configuration.raw_body)["sample_rate"] == 100
    assert json.loads(python_client.get_governance_rules().raw_body) == []


def test_what_moesifs_python_client_did_not_set_changes_nothing(
    sandbox: Sandbox, python_client: Any
) -> None:
    python_client.update_user(user("u1"))
    before = sandbox.found("users", "u1")
    python_client.update_user(UserModel(user_id="u1", modified_time=NOW))
    sent = sandbox.collector()["accepted"]["users"][-1]
    assert sent["metadata"] is sent["company_id"] is None
    assert sandbox.found("users", "u1") == before


def test_a_refusal_reaches_moesifs_python_client(python_client: Any) -> None:
    with pytest.raises(APIException) as raised:
        python_client.update_user(UserModel(user_id=12345))
    assert raised.value.response_code == 400


@pytest.mark.slow
def test_all_that_moesifs_node_client_writes_arrives(sandbox: Sandbox, node_modules: Path) -> None:
    called = subprocess.run(
        ["node", NODE_CALLS, f"{sandbox.url}/moesif/collector", "sandbox-application-id"],
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "NODE_PATH": str(node_modules)},
    )
    assert called.returncode == 0, called.stderr.decode()
    answers = json.loads(called.stdout.splitlines()[-1])  # the client prints lines of its own
    assert answers == dict.fromkeys(answers, 201) | {"getAppConfig": 200, "getRules": 200}
    assert len(answers) == 12
    received = sandbox.collector()
    assert received["refused"] == []
    assert [received["counts"]["accepted"][kind] for kind in KINDS] == [3, 3, 3, 3, 3]
    assert all(entry["bytes_sent"] != entry["bytes"] for entry in received["requests"])  # packed
    assert sandbox.found("users", "n1")["metadata"] == {"plan": "paid", "größe": ["㊗️"]}
    assert sandbox.found("users", "n1")["company"]["company_domain"] == "acme.example"
