"""The private parts of singer-sdk that this tap relies on, under public names.

| part of singer-sdk                          | why the public interface is not enough             |
|---------------------------------------------|----------------------------------------------------|
| `Stream._sync_records`                      | its work for each record takes half of the time    |
| `Stream._write_state_message`               | STATE follows the records written, not a count     |
| `Stream._generate_record_messages`          | stream maps and selection for a batch of records   |
| `Stream._stream_version`                    | needed in the RECORD lines written here            |
| `Stream._generate_schema_messages`          | the only place with the schema after all maps      |
| `Stream._write_activate_version_message`    | sent before the records: a failed run would delete |
| `Stream._input_schema`                      | an older catalog lacks the mark                    |
| `Stream.log`'s "unhandled error"            | logged also for errors with their own sentence     |
| `Tap.sync_all`, which is final              | has no hook at its end                             |
| `Tap._validate_config`, `_config`           | repeats values, which may be keys                  |
| `Tap._env_var_config`                       | fails with a traceback on an empty variable        |
| `Tap._handle_termination`                   | writes a STATE line inside another line            |
| `Tap.cb_config`, `cb_test`, `invoke`        | end with tracebacks; `--test` tries every stream   |

`tests/tap_moesif/test_sdk.py` covers each of them and names the singer-sdk version that failed.
"""

from __future__ import annotations

import logging
import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream, Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.plugin_base import JSONSchemaValidator, _ConfigInput
from singer_sdk.singerlib import Catalog, Metadata, Schema
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from singer_delivery.nested_names import stream_maps
from singer_delivery.reading.stream_maps import failed_field, fix_schema, stream_map_error
from tap_moesif.environment import read_environment
from tap_moesif.errors import StreamMapError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from types import FrameType

    from click import Context, Option
    from singer_sdk.helpers.types import Context as StreamContext
    from singer_sdk.helpers.types import Record
    from singer_sdk.singerlib import CatalogEntry, MetadataMapping, RecordMessage, SchemaMessage

__all__ = ["ConfigInput", "SdkStream", "SdkTap"]

ConfigInput = _ConfigInput


class SdkStream(Stream):
    """A stream that reads and writes its own records."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # the records conform already

    @abstractmethod
    def sync_records(self) -> bool:
        """Read and write records and STATE; return whether the stream was read completely."""

    @abstractmethod
    def schema_of_message(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of the SCHEMA line, after selection, stream maps and flattening."""

    @property
    @abstractmethod
    def always_selected(self) -> Iterable[str]:
        """Names of the fields that are emitted regardless of the selection."""

    @abstractmethod
    def is_reported(self) -> bool:
        """Return whether the error being handled is logged as a sentence elsewhere."""

    @property
    def record_limit(self) -> int | None:
        """Number of records to read, in a connection test."""
        return self.ABORT_AT_RECORD_COUNT

    @record_limit.setter
    def record_limit(self, limit: int) -> None:
        self.ABORT_AT_RECORD_COUNT = limit

    @property
    def version(self) -> int | None:
        """The version of a full table, if ACTIVATE_VERSION is used."""
        return self._stream_version

    @version.setter
    def version(self, version: int) -> None:
        self._stream_version = version

    @property
    def is_mapped(self) -> bool:
        """Whether stream maps, flattening or a selection inside objects change records."""
        [first, *more] = self.stream_maps
        plain = type(first) is SameRecordTransform and not first.flattening_enabled
        inner = any(not chosen for path, chosen in self.mask.items() if self._is_inner(path))
        return bool(more) or not plain or inner

    def _is_inner(self, path: tuple[str, ...]) -> bool:
        return len(path) > 2 and self.mask[path[:2]]  # noqa: PLR2004, ("properties", name, …)

    @property
    def alias(self) -> str:
        """The stream's name in its RECORD lines."""
        return self.stream_maps[0].stream_alias

    def mapped_messages(self, record: Record) -> Iterator[RecordMessage]:
        """Apply selection and stream maps to a record.

        Raises:
            StreamMapError: An expression fails.
        """
        try:
            yield from self._generate_record_messages(record)
        except Exception as error:  # a user's expression may raise anything
            field, kind = failed_field(error)
            what = f"{field} failed on a record ({kind})."
            raise StreamMapError(stream=self.name, what=what) from error

    def write_state(self) -> None:
        """Write a STATE line if the state has changed."""
        self._write_state_message()

    def state_has_changed(self) -> None:
        """Mark the state as changed since the last STATE line."""
        self.state_manager.is_flushed = False

    @override
    def _sync_records(
        self, context: StreamContext | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        if not write_messages:  # the records go into batch files
            yield from self.get_records(context)  # type: ignore[misc]  # no tuples
        elif self.sync_records() and self.version is not None:
            super()._write_activate_version_message(self.version)

    @override
    def _write_activate_version_message(self, full_table_version: int) -> None:
        """Write nothing: the message follows the last record of a complete read."""

    @property
    @override
    def metadata(self) -> MetadataMapping:
        metadata = super().metadata
        for name in self.always_selected:
            metadata["properties", name].inclusion = Metadata.InclusionType.AUTOMATIC
        return metadata

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Apply a catalog; add what a catalog from an earlier version lacks."""
        super().apply_catalog(catalog)
        if entry := catalog.get_stream(self.name):
            entry.metadata = self.metadata
            own = Schema.from_dict(self.schema)
            entry.schema.id = own.id
            entry.schema.properties = {**(own.properties or {}), **(entry.schema.properties or {})}
            self._input_schema = entry.schema.to_dict()

    @override
    def _generate_schema_messages(self) -> Generator[SchemaMessage, None, None]:
        for message in super()._generate_schema_messages():
            message.schema = self.schema_of_message(message.schema)
            yield message

    @override
    def get_replication_key_signpost(self, context: StreamContext | None = None) -> None:
        """Return none: bookmarks are Moesif's times; this machine's clock is not used."""

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        if level < logging.ERROR or not self.is_reported():
            super().log(message, *args, level=level, **kwargs)


class SdkTap(Tap):
    """A tap with its own error messages, settings validation and signal handling."""

    @classmethod
    @abstractmethod
    def setting_errors(cls, config: dict[str, Any], found: Iterable[Any]) -> list[str]:
        """Return a sentence for each invalid setting; normalise the valid ones in place.

        Args:
            config: The settings, with defaults.
            found: Validation errors from jsonschema.
        """

    @abstractmethod
    def stop(self, signum: int) -> None:
        """Exit because of a signal."""

    @abstractmethod
    def after_sync(self) -> None:
        """Raise an error if a stream was skipped."""

    @classmethod
    @abstractmethod
    def test(cls, config: ConfigInput, context: Context) -> None:
        """Try the connection."""

    @override
    def setup_mapper(self) -> None:
        _ = self.streams  # completes the catalog, from which the mapper reads schemas
        super(Tap, self).setup_mapper()
        # A stream that is not selected has an empty schema here; a map for '*' fails on it.
        for name, entry in self.catalog.items():
            if entry.metadata.resolve_selection()[()]:
                self._register(name, entry)

    def _register(self, name: str, entry: CatalogEntry) -> None:
        try:
            self.mapper.register_raw_streams_from_catalog(Catalog({name: entry}))
        except Exception as error:  # singer-sdk's or its dependencies'
            if (what := stream_map_error(error)) is None:
                raise
            raise StreamMapError(stream=name, what=what) from error

    @override
    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        super().append_builtin_config(config_jsonschema)
        fix_schema(config_jsonschema)

    @override  # type: ignore[misc]  # it is final
    def sync_all(self) -> None:
        super().sync_all()
        self.after_sync()

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        self._config = {
            name: value for name, value in self._config.items() if value not in (None, "")
        }
        if isinstance(maps := self._config.get("stream_maps"), dict):
            self._config["stream_maps"] = stream_maps(maps)
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        found = [*JSONSchemaValidator(schema).iter_errors(self._config)]
        errors = self.setting_errors(self._config, found)
        if errors and raise_errors:
            raise ConfigValidationError("Wrong settings", errors=errors, schema=schema)
        return errors

    @override
    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805, as singer-sdk has it
        schema = cls.config_jsonschema
        cls.append_builtin_config(schema)
        return read_environment(schema["properties"], cls._env_var_prefix)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self.stop(signum)

    @override
    @classmethod
    def cb_config(cls, ctx: Context, param: Option, value: tuple[str, ...]) -> ConfigInput:
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError):
            cls.logger.error("--config names no file that holds a JSON object")  # noqa: TRY400
            sys.exit(1)

    @override
    @classmethod
    def cb_test(cls, ctx: Context, param: Option, value: str) -> None:
        if value == CliTestOptionValue.All.value:
            cls.test(ctx.params["config"], ctx)
            ctx.exit()
        super().cb_test(ctx, param, value)
