"""A PostgreSQL server of the tests' own, from the system's package."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGED = Path("/usr/lib/postgresql")

_DISCONNECT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SCHEMAS = """
SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
"""


class NoPostgresError(Exception):
    """There is no server to be started here; the message says why."""


@dataclass(frozen=True)
class Database:
    """A database that anybody on this machine may enter."""

    port: int
    name: str

    @property
    def settings(self) -> dict[str, Any]:
        """What a connector needs to reach it, by the names that MeltanoLabs give it."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "postgres",
            "password": "any",
            "database": self.name,
        }

    @property
    def uri(self) -> str:
        """Its address for libpq."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{self.name}"

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Ask, and give each row by its columns' names."""
        found: list[dict[str, Any]] = json.loads(
            self.run(f"select coalesce(json_agg(q), '[]') from ({query}) q")
        )
        return found

    def run(self, sql: str) -> str:
        """Run statements, and give what they print."""
        psql = [
            _program("psql"),
            *("--host=127.0.0.1", f"--port={self.port}", "--username=postgres"),
            *(f"--dbname={self.name}", "--no-psqlrc", "--set=ON_ERROR_STOP=1"),
            *("--quiet", "--tuples-only", "--no-align"),
        ]
        ended = subprocess.run(
            psql, input=sql, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def clear(self) -> None:
        """Remove all schemas, and let nobody stay connected: faster than another database."""
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(_DISCONNECT)
            for (schema,) in connection.execute(_SCHEMAS).fetchall():
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
            connection.execute("CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")

    def create(self) -> Database:
        """Make another database, an empty one, on the same server."""
        name = f"database_{uuid4().hex}"
        self.run(f"create database {name}")
        return Database(self.port, name)


@contextlib.contextmanager
def postgres(*, durable: bool = False) -> Iterator[Database]:
    """Run a server on a free port.

    Args:
        durable: Whether what is committed is on the disk; tests do not wait for that.

    Raises:
        NoPostgresError: It is not installed, or there is nobody to run it as.
    """
    server = _Server(_owner(), Path(tempfile.mkdtemp(prefix="postgres-")), durable=durable)
    try:
        yield Database(server.start(), "postgres")
    finally:
        server.stop()


class _Server:
    def __init__(self, owner: str | None, folder: Path, *, durable: bool) -> None:
        self._owner = owner
        self._sync = "on" if durable else "off"
        self._folder = folder
        if owner is not None:
            shutil.chown(folder, owner)

    def start(self) -> int:
        """Start it, on files of its own, and give its port."""
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        options = f"-c fsync={self._sync} -c listen_addresses=127.0.0.1 -c port={port}"
        options += " -c unix_socket_directories="
        self._run("pg_ctl", "start", "--wait", f"--log={self._folder}/log", f"--options={options}")
        return port

    def stop(self) -> None:
        """Stop it, if it was started, and remove its files."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--wait", "--mode=immediate")
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [_program(program), *arguments, f"--pgdata={self._folder}/data"],
            cwd=self._folder,
            user=self._owner,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=60,
            check=True,
        )


def _program(name: str) -> str:
    """Find the newest of a program; Debian keeps the server's out of PATH."""
    found = sorted(PACKAGED.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if found:
        return str(found[-1])
    if in_path := shutil.which(name):
        return in_path
    raise NoPostgresError(f"there is no {name}: PostgreSQL is not installed")


def _owner() -> str | None:
    """Name whom to run the server as; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise NoPostgresError(
            "PostgreSQL does not run as root, and there is no user postgres"
        ) from None
