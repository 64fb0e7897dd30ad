"""Object stores of the tests' own: moto's S3, and an emulator of Google Cloud Storage."""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import requests
from gcp_storage_emulator.server import create_server
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from typing_extensions import override
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BUCKET = "bucket"
KEY_ID, SECRET = "AKIDCANARY", "secret-CANARY"

Fault = tuple[int, str]
"""The HTTP status and the code of an answer."""


@dataclass
class ObjectStore:
    """An object store with one bucket.

    Attributes:
        scheme: How its URLs begin.
        env: The environment in which its client finds it.
        fault: Takes the method and the path of a request; returns a fault, or None for an answer.
        taken: Takes them once the request is done, before its answer.
        requests: The methods and the paths of all requests.
    """

    scheme: str
    env: dict[str, str]
    fault: Callable[[str, str], Fault | None] = lambda _method, _path: None
    taken: Callable[[str, str], None] = lambda _method, _path: None
    requests: list[tuple[str, str]] = field(default_factory=list)

    def url(self, path: str = "") -> str:
        return f"{self.scheme}://{BUCKET}/{path}"

    def objects(self) -> dict[str, bytes]:
        """Return the objects in the bucket by their names."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget everything, but for the bucket."""
        raise NotImplementedError


@dataclass
class S3(ObjectStore):
    """S3 as moto has it."""

    @override
    def objects(self) -> dict[str, bytes]:
        keys = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[BUCKET].keys
        return {name: key.value for name, key in keys.items()}

    def reset_hooks(self) -> None:
        """Answer as S3 does, and forget what was requested."""
        self.fault = lambda _method, _path: None
        self.taken = lambda _method, _path: None
        self.requests.clear()

    @override
    def reset(self) -> None:
        self.reset_hooks()
        requests.post(f"{self.env['AWS_ENDPOINT_URL']}/moto-api/reset", timeout=10)
        requests.put(f"{self.env['AWS_ENDPOINT_URL']}/{BUCKET}", timeout=10)
        self.requests.clear()


@dataclass
class Gcs(ObjectStore):
    """Google Cloud Storage as an emulator has it."""

    @override
    def objects(self) -> dict[str, bytes]:
        base = f"{self.env['STORAGE_EMULATOR_HOST']}/storage/v1/b/{BUCKET}/o"
        found = requests.get(base, timeout=10).json().get("items", [])
        return {each["name"]: requests.get(each["mediaLink"], timeout=10).content for each in found}

    @override
    def reset(self) -> None:
        for name in self.objects():
            where = f"{self.env['STORAGE_EMULATOR_HOST']}/storage/v1/b/{BUCKET}/o/{quote(name, '')}"
            requests.delete(where, timeout=10)


@contextlib.contextmanager
def s3() -> Iterator[S3]:
    """Serve an S3 whose answers may be faults."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    moto = DomainDispatcherApplication(create_backend_app)
    store = S3("s3", {})

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"])
        store.requests.append((method, path))
        if found := store.fault(method, path):
            status, code = found
            start(f"{status} Fault", [("Content-Type", "application/xml")])
            text = f"<Error><Code>{code}</Code><Message>{KEY_ID} {SECRET}</Message></Error>"
            return [text.encode()]
        done: Iterable[bytes] = moto(environ, start)
        store.taken(method, path)
        return done

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    store.env = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    try:
        requests.put(f"{store.env['AWS_ENDPOINT_URL']}/{BUCKET}", timeout=10)
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def gcs() -> Iterator[Gcs]:
    """Serve a Google Cloud Storage."""
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    server.start()
    host, port = server._api._httpd.server_address  # it has no other way to say
    try:
        yield Gcs("gs", {"STORAGE_EMULATOR_HOST": f"http://{host}:{port}"})
    finally:
        server.stop()
