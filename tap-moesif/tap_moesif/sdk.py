"""The private parts of singer-sdk that this tap relies on, each once, under a public name.

| part of singer-sdk                          | why its public interface does not do               |
|---------------------------------------------|----------------------------------------------------|
| `Stream._sync_records`                      | calls for each record what costs half of the time  |
| `Stream._write_state_message`               | STATE is due when records are written, not counted |
| `Stream._generate_record_messages`          | stream maps and selection, for a list of records   |
| `Stream._stream_version`                    | a RECORD line made here has it too                 |
| `Stream._generate_schema_messages`          | the only place that sees a schema after all maps   |
| `Stream._write_activate_version_message`    | comes before the records; a failed run would erase |
| `Stream._input_schema`                      | an older catalog lacks the mark                    |
| `Stream.log`'s "unhandled error"            | told for errors that have a sentence of their own  |
| `Tap.sync_all`, which is final              | has no hook at its end                             |
| `Tap._validate_config`, `_config`           | repeats values, which may be keys                  |
| `Tap._env_var_config`                       | an empty variable is a traceback                   |
| `Tap._handle_termination`                   | writes a STATE line inside of another line         |
| `Tap.cb_config`, `cb_test`, `invoke`        | end with tracebacks; `--test` tries every stream   |

`tests/tap_moesif/test_sdk.py` sees each of them, and names the version of singer-sdk that it saw.
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
from tap_moesif.service.errors import StreamMapError

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
    """A stream that reads and writes its records itself."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # the records conform already

    @abstractmethod
    def sync_records(self) -> bool:
        """Read and write all records, and STATE among them; return whether these are all."""

    @abstractmethod
    def schema_of_message(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema that a SCHEMA line is to hold, after selection, maps and flattening."""

    @property
    @abstractmethod
    def always_selected(self) -> Iterable[str]:
        """The fields that are emitted whatever is selected."""

    @abstractmethod
    def was_told(self) -> bool:
        """Tell whether the error under way is one that the user is told in a sentence."""

    @property
    def record_limit(self) -> int | None:
        """How many records a test of the connection wants."""
        return self.ABORT_AT_RECORD_COUNT

    @record_limit.setter
    def record_limit(self, limit: int) -> None:
        self.ABORT_AT_RECORD_COUNT = limit

    @property
    def version(self) -> int | None:
        """The version of a full table, where these are activated."""
        return self._stream_version

    @version.setter
    def version(self, version: int) -> None:
        self._stream_version = version

    @property
    def is_mapped(self) -> bool:
        """Whether a stream map, flattening or a selection inside of objects changes records."""
        [first, *more] = self.stream_maps
        plain = type(first) is SameRecordTransform and not first.flattening_enabled
        inner = any(not chosen for path, chosen in self.mask.items() if self._is_inner(path))
        return bool(more) or not plain or inner

    def _is_inner(self, path: tuple[str, ...]) -> bool:
        return len(path) > 2 and self.mask[path[:2]]  # noqa: PLR2004, ("properties", name, …)

    @property
    def alias(self) -> str:
        """The name under which its records are written."""
        return self.stream_maps[0].stream_alias

    def mapped_messages(self, record: Record) -> Iterator[RecordMessage]:
        """Apply selection and stream maps to a record.

        Raises:
            StreamMapError: An expression fails on it.
        """
        try:
            yield from self._generate_record_messages(record)
        except Exception as error:  # a user's expression may raise anything
            field, kind = failed_field(error)
            what = f"{field} failed on a record ({kind})."
            raise StreamMapError(stream=self.name, what=what) from error

    def write_state(self) -> None:
        """Write a STATE line if anything has changed."""
        self._write_state_message()

    def state_has_changed(self) -> None:
        """Note that the next STATE line is not the last one again."""
        self.state_manager.is_flushed = False

    @override
    def _sync_records(
        self, context: StreamContext | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        if not write_messages:  # batch files take the records
            yield from self.get_records(context)  # type: ignore[misc]  # no tuples
        elif self.sync_records() and self.version is not None:
            super()._write_activate_version_message(self.version)

    @override
    def _write_activate_version_message(self, full_table_version: int) -> None:
        """Write nothing yet: what earlier runs have written goes when this one is complete."""

    @property
    @override
    def metadata(self) -> MetadataMapping:
        metadata = super().metadata
        for name in self.always_selected:
            metadata["properties", name].inclusion = Metadata.InclusionType.AUTOMATIC
        return metadata

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Take a catalog over, and complete it where an earlier version has made it."""
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
        """Bookmarks come from Moesif's times only; this machine's clock has no part in them."""

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        if level < logging.ERROR or not self.was_told():
            super().log(message, *args, level=level, **kwargs)


class SdkTap(Tap):
    """A tap whose errors, settings and signals are its own."""

    @classmethod
    @abstractmethod
    def setting_errors(cls, config: dict[str, Any], found: Iterable[Any]) -> list[str]:
        """Return a sentence for each wrong setting, and normalise the others.

        Args:
            config: The settings, defaults filled in.
            found: What jsonschema says of them.
        """

    @abstractmethod
    def stop(self, signum: int) -> None:
        """End the process, as a signal wants it."""

    @abstractmethod
    def after_sync(self) -> None:
        """Say what was not read."""

    @classmethod
    @abstractmethod
    def test(cls, config: ConfigInput, context: Context) -> None:
        """Try the connection."""

    @override
    def setup_mapper(self) -> None:
        _ = self.streams  # which complete the catalog that the mapper takes its schemas from
        super(Tap, self).setup_mapper()
        # A stream that is not selected has an empty schema here, on which a map for '*' fails.
        for name, entry in self.catalog.items():
            if entry.metadata.resolve_selection()[()]:
                self._register(name, entry)

    def _register(self, name: str, entry: CatalogEntry) -> None:
        try:
            self.mapper.register_raw_streams_from_catalog(Catalog({name: entry}))
        except Exception as error:  # singer-sdk's own, or what its parts raise
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
