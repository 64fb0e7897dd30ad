"""A machine on which this repository's project is set up, as the operator's pages have it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands import COMMANDS, Ended, call
from project import PROJECT, meltano

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from commands import Sandbox

NAME = "moesif-segment"
JOB = "moesif-to-segment"
STATE = "prod:tap-moesif-to-target-segment"
PACKAGES = ("tap-moesif", "singer-delivery", "target-segment", "target-moesif")
CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "moesif-segment"}
"""All that cron gives a command, beside HOME."""

SYSTEMD = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "SHELL": "/bin/sh",
    "LOGNAME": "moesif-segment",
    "USER": "moesif-segment",
    "INVOCATION_ID": "0123456789abcdef0123456789abcdef",
}
"""The environment that systemd gives a service with a user."""


@dataclass(frozen=True)
class Machine:
    """A machine with the project in its user's home folder."""

    home: Path

    @property
    def project(self) -> Path:
        return self.home / NAME

    def set_up(self, *plugins: str) -> None:
        """Put the project there, and install some of its plugins."""
        self.project.mkdir(parents=True)
        for name in ("meltano.yml", "constraints.txt"):
            shutil.copy(PROJECT / name, self.project)
        shutil.copytree(PROJECT / "orchestrate", self.project / "orchestrate")
        for name in PACKAGES:
            (self.project / name).symlink_to(PROJECT / name)
        (self.project / ".venv" / "bin").mkdir(parents=True)
        for command in ("meltano", "target-segment"):
            (self.project / ".venv" / "bin" / command).symlink_to(COMMANDS / command)
        meltano(self.project, {}, "install", *plugins)

    def clear(self) -> None:
        """Take away what runs have left."""
        shutil.rmtree(self.project / "output", ignore_errors=True)
        (self.project / ".meltano" / "meltano.db").unlink(missing_ok=True)

    def configure(self, services: Sandbox, **more: str) -> None:
        """Write its .env: where everything is."""
        settings = {
            "TAP_MOESIF_API_URL": f"{services.url}/moesif/api/v1",
            "TAP_MOESIF_MANAGEMENT_API_KEY": "sandbox-management-key",
            "TARGET_SEGMENT_HOST": f"{services.url}/segment",
            "TARGET_SEGMENT_WRITE_KEY": "sandbox-write-key",
            "TARGET_SEGMENT_SUMMARY_PATH": "output/summary.json",
            **more,
        }
        lines = (f"{name}={value}\n" for name, value in settings.items())
        (self.project / ".env").write_text("".join(lines))

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Complete the environment of a process."""
        return {**given, "HOME": str(self.home)}

    def start(self, command: list[str], given: Mapping[str, str]) -> subprocess.Popen[str]:
        """Start a command in the project's folder."""
        return subprocess.Popen(
            command,
            cwd=self.project,
            env=self.environment(given),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def meltano(self, *arguments: str) -> Ended:
        """Run Meltano as its user does."""
        home = self.environment({})
        return call("meltano", "--environment=prod", *arguments, cwd=self.project, env=home)


def end(process: subprocess.Popen[str]) -> Ended:
    """Wait for a process."""
    with process:
        stdout, stderr = process.communicate(timeout=100)
    return Ended(process.returncode, stdout, stderr)


def cron_command() -> str:
    """Take out of the crontab what cron gives to the shell."""
    lines = (PROJECT / "orchestrate" / "cron" / "crontab").read_text().splitlines()
    [line] = [line for line in lines if not line.startswith("#")]
    *when, command = line.split(maxsplit=5)
    assert when == ["7", "*", "*", "*", "*"]
    assert "%" not in command, "which cron takes for the end of the command"
    return command


def unit(name: str, project: Path) -> str:
    """Read a unit of systemd's, for a project that lies elsewhere."""
    text = (PROJECT / "orchestrate" / "systemd" / name).read_text()
    return text.replace("/srv/moesif-segment", str(project))


def exec_start(project: Path) -> list[str]:
    """Read what the service starts."""
    [command] = settings_of(unit("moesif-to-segment.service", project))["ExecStart"]
    return shlex.split(command)


def settings_of(unit: str) -> dict[str, list[str]]:
    settings: dict[str, list[str]] = {}
    for line in unit.splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not name.startswith("#"):
            settings.setdefault(name, []).append(value)
    return settings
