"""A target as a command: its settings, and its options besides delivering its input."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from abc import abstractmethod
from contextlib import nullcontext
from functools import partial
from typing import IO, TYPE_CHECKING, Any, ClassVar

from singer_sdk.exceptions import ConfigValidationError
from typing_extensions import override

from singer_delivery.buckets.reading import replay_input
from singer_delivery.buckets.urls import url_errors
from singer_delivery.checking import Finding, Sign, exit_code, write_table
from singer_delivery.checking.target import check_target
from singer_delivery.config import typed_config
from singer_delivery.errors import OutputError, ReplayError
from singer_delivery.fingerprints.stores import store_errors
from singer_delivery.http import address_errors, key_errors
from singer_delivery.reading.selection import Selection
from singer_delivery.sdk import SdkTarget
from singer_delivery.settings import DeliverySettings, setting_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from singer_delivery.options import Options
    from singer_delivery.output import Output
    from singer_delivery.reading.streams import Encode, NotKnown, NotSent
    from singer_delivery.sending.service import Service


class CommandTarget(SdkTarget):
    """A target as a command.

    Attributes:
        addresses: The names of the settings that are URLs; they are checked.
        located_by: The names of the settings to check in an error about the address, if not
            `addresses`.
        other_keys: The names of secret settings that do not identify the destination.
        verified: The result of `--check` for a valid key.
        selection: The records to send, if not all; set before the run.
        output: The files of the run.
    """

    addresses: ClassVar[Sequence[str]]
    located_by: ClassVar[Sequence[str]] = ()
    other_keys: ClassVar[Sequence[str]] = ()
    verified: ClassVar[str] = "The service knows it."

    selection: Selection | None = None
    settings: DeliverySettings
    output: Output

    @abstractmethod
    def service(self) -> Service:
        """Return the service that records are sent to."""

    @abstractmethod
    def routes_of(
        self, message: Mapping[str, Any]
    ) -> list[tuple[str, Encode | NotSent | NotKnown]]:
        """Return the encoders of a SCHEMA message's stream, by its names after the stream maps."""

    @abstractmethod
    def run(self, file_input: IO[str] | None) -> int:
        """Deliver a whole input; return the exit code."""

    def verify_key(self) -> str | None:
        """Check the key with the service, without sending anything.

        Returns:
            None if the key is valid, or why it could not be checked.

        Raises:
            ServiceError: The key is invalid.
        """
        return "this service offers no check"

    def first_contact(self, send: str | None) -> str:
        """Find out how the service behaves; return a report, for `has_first_contact`.

        Args:
            send: The id of a user to send one call for.
        """
        raise NotImplementedError

    @override
    @classmethod
    def main(
        cls,
        config: dict[str, Any],
        *,
        parse_env: bool,
        file_input: IO[str] | None,
        options: Options,
    ) -> int:
        # Its messages contain URLs, which can contain a key, or the id of a user to delete.
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        if options.check:
            make = partial(cls, config=config, parse_env_config=parse_env)
            return _check(make, options.catalog)
        try:
            target = cls(config=config, parse_env_config=parse_env)
            replay = replay_input(options.replay) if options.replay else nullcontext(file_input)
        except (OutputError, ReplayError) as error:
            cls.logger.error("%s", error)  # noqa: TRY400
            return 1
        if options.first_contact:
            sys.stdout.write(target.first_contact(options.send))
            return 0
        if options.send_only or options.send_id:
            target.selection = Selection(options.send_only, frozenset(options.send_id))
        with replay as lines:
            code = target.run(lines)
        _suppress_exit_errors()
        return code

    @override
    @classmethod
    def checked_config(cls, config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        config = typed_config(config, cls.config_jsonschema)
        errors = setting_errors(cls.config_jsonschema, config, cls.env_prefix())
        return config, errors or [
            *address_errors(config, cls.addresses),
            *key_errors(config, [*cls.key_names(), *cls.other_keys]),
            *store_errors(config, cls.name),
            *url_errors(config, cls.name),
        ]

    @classmethod
    def key_names(cls) -> list[str]:
        """Return the names of the secret settings that identify the destination."""
        properties = cls.config_jsonschema["properties"]
        secret = [name for name, setting in properties.items() if setting.get("secret")]
        return [name for name in secret if name not in cls.other_keys]

    def secrets(self, names: Sequence[str] | None = None) -> list[str]:
        """Return the values of secret settings, by default those that identify the destination."""
        names = self.key_names() if names is None else names
        return [str(key) for name in names if (key := self.config.get(name))]


def _suppress_exit_errors() -> None:
    """Keep late errors from changing the exit code while Python shuts down.

    A second signal would kill the process, and flushing a closed standard output would fail again.
    """
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    if sys.stdout is None:  # it was never open
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _check(target: Callable[[], CommandTarget], catalog: IO[str] | None) -> int:
    """Check a target and print a table of what was found.

    Args:
        target: Makes the target from its settings.
        catalog: A Singer catalog.

    Returns:
        The exit code.
    """
    findings: list[Finding] = []
    try:
        found = _catalog(catalog)
        findings += check_target(target(), found)
    except ConfigValidationError as error:
        findings += [Finding(Sign.FAILED, "settings", text) for text in error.errors]
    except ValueError:
        findings.append(Finding(Sign.FAILED, "catalog", "The file of --catalog has no streams."))
    write_table(findings)
    return exit_code(findings)


def _catalog(file: IO[str] | None) -> dict[str, Any] | None:
    """Read a catalog.

    Raises:
        ValueError: It is not a catalog.
    """
    if file is None:
        return None
    found = json.load(file)
    if not isinstance(found, dict) or not isinstance(found.get("streams"), list):
        raise ValueError("no streams")  # noqa: TRY004, as `json` raises it too
    return found
