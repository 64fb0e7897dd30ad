"""Where keys and data may go unencrypted, and where they may not."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from commands import Ended, run
from scripted import Reply, ScriptedService
from singer_delivery.http import host_of, is_insecure, is_local, session_to
from singer_delivery.sending.connection import HttpConnection
from tap_failures import IN_NO_TIME
from target_moesif.client import MoesifCollector
from target_segment.client import verify_write_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "key-CANARY"
SETTINGS = {
    "tap-moesif": ("management_api_key", "api_url"),
    "target-segment": ("write_key", "host"),
    "target-moesif": ("application_id", "api_url"),
}
"""Each command's key and address."""
LINES: list[dict[str, Any]] = [
    {
        "type": "SCHEMA",
        "stream": "people",
        "schema": {"properties": {"userId": {}, "traits": {}}},
        "key_properties": [],
    },
    {"type": "RECORD", "stream": "people", "record": {"userId": "1", "traits": {"a": 1}}},
]
ELSEWHERE = [
    "http://example.com",
    "HTTP://EXAMPLE.com",
    " http://example.com",
    "http://127.0.0.1.example.com",
    "http://localhost.example.com",
    "http://notlocalhost",
    "http://127.0.0.1@example.com",
    "http://localhost:80@example.com",
    "http://example.com\\@127.0.0.1",
    "http://example.com#@127.0.0.1",
    "http://example.com?@localhost",
    "http://192.0.2.1",
    "http://0.0.0.0",
    "http://10.0.0.1:8700",
    "http://[2001:db8::1]",
    "http://2130706433",
]
HERE = [
    "http://127.0.0.1",
    "http://127.0.0.1:8700/segment",
    "http://127.255.3.9",
    "http://localhost:8700",
    "HTTP://LocalHost/v1",
    "http://[::1]:8700",
    "http://user:password@127.0.0.1",
    "http://127.0.0.1\\@example.com",
]
ENCRYPTED = [
    "https://example.com",
    "HTTPS://example.com",
    "https://127.0.0.1",
    "api.segment.io",
    "api.segment.io/v1",
    "",
]


def go(command: str, folder: Path, address: str, *, env: Any = None, **settings: Any) -> Ended:
    """Run a command that has something to ask or to send, and does not try for long."""
    key, where = SETTINGS[command]
    config = {key: KEY, where: address, "streams": {"people": {"as": "segment.calls"}}, **settings}
    if command != "tap-moesif":
        config["retry_max_seconds"] = 0
    lines, before = ([], IN_NO_TIME) if command == "tap-moesif" else (LINES, "")
    no_exceptions = {"NO_PROXY": "", "no_proxy": "", **(env or {})}
    return run(command, folder, config, lines=lines, before=before, env=no_exceptions)


@pytest.mark.parametrize(
    ("addresses", "insecure"), [(ELSEWHERE, True), (HERE, False), (ENCRYPTED, False)]
)
def test_it_is_known_where_plain_http_leaves_the_machine(
    addresses: list[str], insecure: bool
) -> None:
    for address in addresses:
        assert is_insecure(address) is insecure, address


def test_it_is_known_what_stays_on_the_machine() -> None:
    for address in HERE:
        assert is_local(address), address
        assert not session_to(address).trust_env, address
    for address in [*ELSEWHERE, *ENCRYPTED]:
        assert not is_local(address), address
        assert session_to(address).trust_env, address


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://user:p%40ss@example.com:8443/v1?key=k", "example.com:8443"),
        ("api.segment.io/v1", "api.segment.io"),
        ("http://[::1]:8700/x", "[::1]:8700"),
        ("https://[CANARY", "the service"),
    ],
)
def test_of_an_address_a_log_shows_the_host_alone(address: str, host: str) -> None:
    assert host_of(address) == host


@pytest.mark.parametrize("command", ["target-segment", "target-moesif"])
def test_a_password_in_an_address_is_in_no_sentence(tmp_path: Path, command: str) -> None:
    ended = go(command, tmp_path, "http://user:CANARY@127.0.0.1:1/v1?token=CANARY")
    assert ended.code == 1
    assert "No delivery to 127.0.0.1:1 for 0 s" in ended.stderr
    assert ended.says_plainly("CANARY")


@pytest.mark.parametrize("command", ["target-segment", "target-moesif"])
def test_a_key_with_a_line_break_is_named_before_anything_is_sent(
    tmp_path: Path, command: str
) -> None:
    key, _ = SETTINGS[command]
    ended = go(command, tmp_path, "http://127.0.0.1:1", **{key: "CANARY\n"})
    assert ended.code == 1
    assert f"Setting {key}: it contains a space, a line break" in ended.stderr
    assert ended.says_plainly("CANARY", "defect")


@pytest.mark.parametrize("command", SETTINGS)
def test_plain_http_to_another_machine_is_refused_with_the_setting_to_change(
    tmp_path: Path, command: str
) -> None:
    ended = go(command, tmp_path, "http://user:CANARY@example.invalid")
    assert ended.code == 1
    assert SETTINGS[command][1] in ended.stderr
    assert "allow_http" in ended.stderr
    assert ended.says_plainly("CANARY", "example.invalid")


@pytest.mark.parametrize("command", ["target-segment", "target-moesif"])
@pytest.mark.parametrize(
    "address", ["https://[CANARY", "https://CAN ARY", "htps://CANARY", "http:///"]
)
def test_what_is_no_address_is_said_before_anything_is_sent(
    tmp_path: Path, command: str, address: str
) -> None:
    ended = go(command, tmp_path, address)
    assert ended.code == 1
    assert f"Setting {SETTINGS[command][1]}: it is not an address" in ended.stderr
    assert ended.says_plainly("ARY", "undelivered")


def test_an_address_without_a_scheme_is_https() -> None:
    service = MoesifCollector("key", "example.com/collector/v1/")
    connection = HttpConnection(service, timeout=1, compress=False, user_agent="test")
    assert connection._prepared[0].url == "https://example.com/collector/v1/companies/batch"


def test_the_address_of_the_key_check_is_one_too(tmp_path: Path) -> None:
    host, cdn = "https://example.invalid", "http://example.invalid"
    ended = go("target-segment", tmp_path, host, cdn_url=cdn)
    assert ended.code == 1
    assert "Setting cdn_url" in ended.stderr


@pytest.mark.parametrize("command", SETTINGS)
def test_plain_http_is_used_where_it_is_allowed(tmp_path: Path, command: str) -> None:
    """A proxy on loopback stands for the network, so that nothing leaves this machine."""
    with ScriptedService(lambda _: Reply(401)) as proxy:
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy"), proxy.url)
        ended = go(command, tmp_path, "http://there.invalid", env=proxies, allow_http=True)
    assert ended.code == 1
    assert proxy.requests
    assert all(request.path.startswith("http://there.invalid/") for request in proxy.requests)


@pytest.mark.parametrize("command", SETTINGS)
def test_no_proxy_sees_what_stays_on_the_machine(tmp_path: Path, command: str) -> None:
    with (
        ScriptedService(lambda _: Reply(401)) as service,
        ScriptedService(lambda _: Reply(401)) as proxy,
    ):
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), proxy.url)
        ended = go(command, tmp_path, service.url, env=proxies)
    assert (ended.code, proxy.requests) == (1, [])
    assert service.requests


@pytest.mark.parametrize("command", ["target-segment", "target-moesif"])
def test_a_redirect_takes_no_data_elsewhere(tmp_path: Path, command: str) -> None:
    with ScriptedService(lambda _: Reply()) as elsewhere:
        moved = Reply(308, headers={"Location": f"{elsewhere.url}/v1/batch"})
        with ScriptedService(lambda _: moved) as service:
            ended = go(command, tmp_path, service.url)
    assert (ended.code, ended.stdout, elsewhere.requests) == (1, "", [])
    assert len(service.requests) == 1


def test_a_redirect_takes_no_key_elsewhere_when_it_is_verified() -> None:
    with ScriptedService(lambda _: Reply(404)) as elsewhere:
        moved = Reply(302, headers={"Location": f"{elsewhere.url}/{KEY}"})
        with ScriptedService(lambda _: moved) as cdn:
            assert verify_write_key(KEY, "us", cdn.url) == "HTTP 302"
    assert elsewhere.requests == []


@pytest.fixture(scope="module")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service on loopback whose certificate nobody has signed but itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("There is no openssl here to make a certificate with.")
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-nodes", "-days", "2"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    empty = folder / "empty"
    empty.mkdir()
    with HTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=empty)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("command", SETTINGS)
def test_a_certificate_that_nobody_trusts_is_not_trusted(
    tmp_path: Path, untrusted: str, command: str
) -> None:
    ended = go(command, tmp_path, untrusted)
    assert ended.code == 1
    assert "the TLS connection failed" in ended.stderr
