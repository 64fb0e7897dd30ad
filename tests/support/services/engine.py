"""A real Elasticsearch, and Moesif's paths before it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from scripted import Reply, Request, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VERSION = "6.8.23"
ARCHIVE = Path(
    os.environ.get("ELASTICSEARCH_ZIP")
    or Path.home()
    / ".m2/repository/org/elasticsearch/distribution/zip/elasticsearch"
    / VERSION
    / f"elasticsearch-{VERSION}.zip"
)
START_SECONDS = 90
SETTINGS = """\
discovery.type: single-node
network.host: 127.0.0.1
http.port: {http}
transport.tcp.port: {transport}
xpack.ml.enabled: false
xpack.security.enabled: false
bootstrap.system_call_filter: false
"""

# Strings can be searched for exactly under `.raw`, as Moesif's reference has it.
MAPPINGS = {
    "dynamic_templates": [
        {
            "strings": {
                "match_mapping_type": "string",
                "mapping": {
                    "type": "text",
                    "fields": {"raw": {"type": "keyword", "ignore_above": 256}},
                },
            }
        }
    ],
    "properties": {
        "modified_time": {"type": "date"},
        "last_seen_time": {"type": "date"},
        "event_type": {"type": "keyword"},
        "request": {"properties": {"time": {"type": "date"}}},
    },
}
SHARDS = {"users": 5, "companies": 1, "events": 3}


class Elasticsearch:
    """The engine, by its own API."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call it, which must succeed."""
        answer = self._session.request(method, f"{self.url}/{path}", json=body, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def is_up(self) -> bool:
        try:
            return self._session.get(self.url, timeout=5).ok
        except requests.ConnectionError:
            return False

    def clear(self) -> None:
        """Make the indices anew, and forget settings."""
        self.limit(**{"search.max_buckets": None})
        for name, shards in SHARDS.items():
            self._session.delete(f"{self.url}/{name}", timeout=60)
            settings = {"number_of_shards": shards, "number_of_replicas": 0}
            mappings = {"doc": MAPPINGS}
            self.call("PUT", name, {"settings": {"index": settings}, "mappings": mappings})

    def limit(self, **settings: object) -> None:
        """Set what the cluster allows."""
        self.call("PUT", "_cluster/settings", {"transient": settings})

    def put(self, index: str, documents: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Write documents, which can be searched for then."""
        lines = [
            f"{json.dumps({'index': {'_id': id_}})}\n{json.dumps(document)}\n"
            for id_, document in documents
        ]
        for first in range(0, len(lines), 5_000):
            answer = self._session.post(
                f"{self.url}/{index}/doc/_bulk",
                data="".join(lines[first : first + 5_000]).encode(),
                headers={"Content-Type": "application/x-ndjson"},
                timeout=60,
            )
            assert answer.ok, answer.text[:1_000]
            assert not answer.json()["errors"], answer.text[:1_000]
        self.call("POST", f"{index}/_refresh")


class Moesif(ScriptedService):
    """The engine under Moesif's paths: a search goes to its index as it is."""

    def __init__(self, engine: Elasticsearch) -> None:
        super().__init__(self._search)
        self._engine = engine

    def asked(self, path: str) -> list[Any]:
        """Give the bodies of the searches of one kind."""
        return [r.json for r in self.requests if urlsplit(r.path).path.endswith(f"/{path}")]

    def _search(self, request: Request) -> Reply:
        index = urlsplit(request.path).path.rpartition("/")[2]
        if request.method == "GET" or index not in SHARDS:
            return Reply(200, [])
        answer = requests.post(
            f"{self._engine.url}/{index}/_search",
            data=request.body,
            headers={"Content-Type": "application/json"},
            timeout=60,
        )
        return Reply(201 if answer.ok else answer.status_code, answer.content)


def missing() -> str | None:
    """Say what is not there that the engine needs."""
    if shutil.which("java") is None:
        return "Java is not installed"
    if not ARCHIVE.is_file():
        return f"Elasticsearch {VERSION} is not there ({ARCHIVE}); make test-engine fetches it"
    return None


@contextmanager
def elasticsearch() -> Iterator[Elasticsearch]:
    """Run it in a folder of its own."""
    with TemporaryDirectory(prefix="elasticsearch-") as folder:
        yield from _running(Path(folder))


def _running(folder: Path) -> Iterator[Elasticsearch]:
    home = _unpacked(folder)
    engine = Elasticsearch(port := _free_port())
    settings = SETTINGS.format(http=port, transport=_free_port())
    (home / "config" / "elasticsearch.yml").write_text(settings)
    with (folder / "log").open("wb") as log, _started(home, log) as process:
        try:
            _wait_for(engine, process, folder / "log")
            yield engine
        finally:
            process.terminate()


def _unpacked(folder: Path) -> Path:
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    [home] = [entry for entry in folder.iterdir() if entry.is_dir()]
    for program in (*home.glob("bin/*"), *home.glob("modules/*/platform/*/bin/*")):
        program.chmod(0o755)
    return home


def _started(home: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    user: dict[str, Any] = {}
    if os.getuid() == 0:  # as which it does not start
        user = {"user": "nobody", "group": "nogroup"}
        home.parent.chmod(0o755)
        subprocess.run(["chown", "-R", "nobody:nogroup", str(home)], check=True)
    java = Path(str(shutil.which("java"))).resolve().parents[1]
    return subprocess.Popen(
        [home / "bin" / "elasticsearch"],
        stdout=log,
        stderr=log,
        env={**os.environ, "JAVA_HOME": str(java), "ES_JAVA_OPTS": "-Xms512m -Xmx512m"},
        **user,
    )


def _wait_for(engine: Elasticsearch, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not engine.is_up():
        said = log.read_text(errors="replace")[-2_000:]
        assert process.poll() is None, said
        assert time.monotonic() < until, said
        time.sleep(0.2)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
