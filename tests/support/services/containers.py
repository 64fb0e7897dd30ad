"""Images that are built, and containers that are run, by Podman in a store of the tests' own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commands import Ended
from project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEBIAN = "trixie"
"""What the Dockerfile's BASE_IMAGE is made of too; no registry of images is needed for it."""

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
TOOLS = ("podman", "runc", "mmdebstrap")
CONFIGURATION = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"] # a container of CI's may not raise them
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{folder}/locks"
runtime = "runc"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/images"
runroot = "{folder}/run"
"""


class NoContainersError(Exception):
    """No containers can be run here; the message says why."""


@dataclass(frozen=True)
class Containers:
    """A store of images, and what Podman does with them.

    Attributes:
        environment: The variables by which Podman finds it.
    """

    environment: dict[str, str]

    def podman(self, *arguments: str, text: str = "") -> Ended:
        """Run a command of Podman's on a text to its end."""
        return to_its_end("podman", *arguments, text=text, environment=self.environment)

    def build(self, image: str, *arguments: str) -> None:
        """Build an image of this repository's Dockerfile."""
        built = self.podman(
            *("build", "--isolation=chroot", f"--tag={image}", "--build-arg=BASE_IMAGE=base"),
            *(*arguments, str(PROJECT)),
        )
        assert built.code == 0, built.stdout[-3000:] + built.stderr[-3000:]

    def run(self, *arguments: str, text: str = "") -> Ended:
        """Run a container to its end, as strictly as Kubernetes would."""
        strict = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges")
        return self.podman(
            "run", "--rm", "--interactive", "--network=host", *strict, *arguments, text=text
        )


@contextlib.contextmanager
def containers() -> Iterator[Containers]:
    """Set up a store that holds a `base` with Debian's Python; nothing of it is left afterwards.

    Raises:
        NoContainersError: A tool is missing, or the machine lets no container run.
    """
    if os.geteuid() != 0:
        raise NoContainersError("these containers are run by root")
    for tool in TOOLS:
        if shutil.which(tool) is None:
            raise NoContainersError(f"there is no {tool}: Debian's package {tool} is not installed")
    with tempfile.TemporaryDirectory(prefix="containers-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for file, text in (("containers", CONFIGURATION), ("storage", STORAGE)):
            (folder / f"{file}.conf").write_text(text.format(folder=name))
        found = Containers(
            {
                **os.environ,
                "CONTAINERS_CONF": f"{name}/containers.conf",
                "CONTAINERS_STORAGE_CONF": f"{name}/storage.conf",
            }
        )
        try:
            _make_base(found, folder / "base.tar")
            yield found
        finally:
            found.podman("rm", "--all", "--force", "--time=0")
            found.podman("system", "reset", "--force")


def _make_base(containers: Containers, archive: Path) -> None:
    made = to_its_end(
        *("mmdebstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates"),
        *("--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"),
        # The registry of packages may be this machine's own, with a certificate of its own.
        f"--customize-hook=copy-in {CERTIFICATES} {Path(CERTIFICATES).parent}",
        *(DEBIAN, str(archive)),
    )
    if made.code != 0:
        raise NoContainersError(f"Debian's packages cannot be had: {made.stderr[-300:]}")
    taken = containers.podman(
        "import", f"--change=ENV=SSL_CERT_FILE={CERTIFICATES}", str(archive), "base"
    )
    archive.unlink()
    tried = containers.run("base", "true") if taken.code == 0 else taken
    if tried.code != 0:
        raise NoContainersError(f"this machine lets no container run: {tried.stderr[-300:]}")


def to_its_end(*command: str, text: str = "", environment: Mapping[str, str] = os.environ) -> Ended:
    """Run a command on a text."""
    process = subprocess.run(
        command,
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ended(process.returncode, process.stdout, process.stderr)
