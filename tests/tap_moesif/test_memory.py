"""A run holds an answer that it uses and one that comes in, and none besides."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scripted import Reply, Request, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.slow,
    pytest.mark.fresh_process,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak there"),
]

TAP = """
from tap_moesif import TapMoesif
try:
    TapMoesif.cli()
finally:
    print(*(line.strip() for line in open("/proc/self/status") if "VmHWM" in line))
"""
IMPORTED = 60_000_000
"""What the same takes with nothing to read."""


def moesif(users: int, weight: int) -> Callable[[Request], Reply]:
    """Answer with users that weigh so much each."""
    metadata = json.dumps({"text": "x" * (weight - 150)}).encode()

    def hit(number: int) -> bytes:
        return b'{"_id":"%08d","_source":{"user_id":"u%d","metadata":%s},"sort":["%08d"]}' % (
            number,
            number,
            metadata,
            number,
        )

    def answer(request: Request) -> Reply:
        if "/users" not in request.path:
            nobody: dict[str, Any] = {"active": {"buckets": []}, "usage": {"buckets": []}}
            return Reply(200, {"hits": {"total": 0, "hits": []}, "aggregations": nobody})
        search = request.json
        first = int(search.get("search_after", ["-1"])[0]) + 1
        if b'"desc"' in request.body:
            first = users - 1
        numbers = range(first, min(first + search["size"], users))
        hits = b",".join(map(hit, numbers))
        return Reply(200, b'{"hits":{"total":%d,"hits":[%s]}}' % (users, hits))

    return answer


@pytest.mark.parametrize(
    ("users", "weight", "most"),
    [
        pytest.param(50_000, 1_700, 105_000_000, id="1.7_kb_a_user"),
        pytest.param(1_500, 100_000, IMPORTED + 100_000_000, id="100_kb_a_user"),
    ],
)
def test_memory_is_bounded_by_the_size_of_an_answer(
    tmp_path: Path, users: int, weight: int, most: int
) -> None:
    config = tmp_path / "config.json"
    with ScriptedService(moesif(users, weight)) as service:
        settings = {"management_api_key": "k", "api_url": service.url}
        config.write_text(json.dumps(settings))
        run = subprocess.run(
            [sys.executable, "-c", TAP, "--config", str(config)],
            capture_output=True,
            cwd=tmp_path,
            timeout=100,
            check=True,
        )

    *lines, peak = run.stdout.splitlines()
    assert sum(b'"type":"RECORD"' in line for line in lines) == users
    assert int(peak.split()[1]) * 1024 < most, peak
