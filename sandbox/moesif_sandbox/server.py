"""Runs the app on loopback: can drop connections half-way, and ends cleanly."""

import asyncio
import signal
import socket
import sys

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

HOST = "127.0.0.1"  # never anywhere else: there is no secret in here and no protection either


class _ClosableProtocol(H11Protocol):
    """Gives the app its connection, so that a fault can close it half-way."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # Or an answer in two parts waits for an acknowledgement, 40 ms each.
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def listen(port: int) -> socket.socket:
    """Return a socket that takes connections; port 0 is any free one."""
    return socket.create_server((HOST, port), backlog=socket.SOMAXCONN)


def server_of(app: ASGIApp) -> uvicorn.Server:
    """Return what serves the app on sockets that take connections already."""
    config = uvicorn.Config(
        app, http=_ClosableProtocol, ws="none", lifespan="off", log_level="warning",
        access_log=False, server_header=False, timeout_graceful_shutdown=1,
        date_header=False,  # the app sends its own, by the sandbox's clock
    )  # fmt: skip
    return uvicorn.Server(config)


def leave_at_signals() -> None:
    """Have SIGTERM and SIGINT end the process with exit code 0, also after uvicorn's own end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
