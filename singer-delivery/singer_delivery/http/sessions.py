"""Sessions of `requests` with a time limit for whole answers, and no proxy for this machine."""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError

from singer_delivery.http.addresses import is_local, with_scheme
from singer_delivery.http.answers import Reply, read_body

if TYPE_CHECKING:
    import socket

    from requests.auth import AuthBase
    from typing_extensions import Buffer
    from urllib3 import PoolManager

MAX_ANSWER_BYTES = 1_000_000


def session_to(address: str) -> requests.Session:
    """Create a session for an address; it uses no proxy for this machine.

    The read timeout limits the time for all headers of an answer, and again for its whole body, so
    an answer that comes byte by byte times out.
    """
    session = requests.Session()
    session.trust_env = not is_local(address)
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter())
    return session


def get(url: str, *, seconds: float, auth: AuthBase | None = None) -> Reply:
    """Send one GET request; redirects are not followed.

    Args:
        url: The URL; without a scheme, https.
        seconds: The timeout for the connection, for the headers, and again for the body.
        auth: Adds the authentication headers.

    Raises:
        requests.RequestException: There is no answer.
    """
    url = with_scheme(url)
    with session_to(url) as session:
        response = session.get(url, auth=auth, timeout=seconds, allow_redirects=False, stream=True)
        content = read_body(response, MAX_ANSWER_BYTES)
        return Reply(response.status_code, bytes(content), response.headers)


class _TimedReads(io.RawIOBase):
    """The reads from a socket, with its timeout for all of them together."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._seconds = sock.gettimeout()
        self.restart()

    def restart(self) -> None:
        self._until = time.monotonic() + (self._seconds or 0)

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int | None:
        if self._seconds is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
        return cast("io.FileIO", self._raw).readinto(buffer)

    @override
    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self._reads = _TimedReads(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._reads)

    @override
    def begin(self) -> None:
        super().begin()
        self._reads.restart()


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response

    @override
    def connect(self) -> None:
        """Connect; a timeout of a proxy or of the TLS handshake is one of the connection."""
        try:
            super().connect()
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    @override
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    @override
    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):  # SOCKS pools connect in their own way
            manager.pool_classes_by_scheme = _POOLS
        return manager
