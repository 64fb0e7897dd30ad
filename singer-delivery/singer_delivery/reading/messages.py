"""Decodes the lines of the input as Singer messages."""

from __future__ import annotations

import codecs
import json
import logging
import math
import re
import sys
from collections import Counter
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

import msgspec
from singer_sdk.singerlib.encoding.base import GenericSingerReader
from typing_extensions import override

from singer_delivery.errors import InputError, RecordRejected
from singer_delivery.reading.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_delivery.reading.lines import Wakeup

logger = logging.getLogger("singer_delivery")

NOT_JSON = RecordRejected(
    "not_json", "It contains NaN, Infinity or half a surrogate pair, or is nested too deeply."
)
NOT_UTF8 = RecordRejected(
    "not_utf8", "A byte in it is not UTF-8. Does its source write Latin-1 or Windows-1252?"
)
_UTF16 = ("it is UTF-16, as Windows PowerShell writes it", "Convert the input to UTF-8.")
_UTF32 = ("it is UTF-32", "Convert the input to UTF-8.")
_OTHER_FORMATS = {
    codecs.BOM_UTF32_LE: _UTF32,  # begins with the mark of UTF-16
    codecs.BOM_UTF32_BE: _UTF32,
    codecs.BOM_UTF16_LE: _UTF16,
    codecs.BOM_UTF16_BE: _UTF16,
    "{".encode("utf-16-le"): _UTF16,
    "{".encode("utf-16-be"): _UTF16,
    b"\x1f\x8b": ("it is compressed with gzip", "Decompress the input first."),
}
"""The beginnings of lines in other formats, with a description and what to do."""

_RECORD_START = re.compile(
    rb'\s*\{\s*"type"\s*:\s*"RECORD"\s*,\s*"stream"\s*:\s*("(?:[^"\\]|\\.)*")'
)

_STATE = re.compile(rb'\s*\{\s*"type"\s*:\s*"STATE"\s*,\s*"value"\s*:\s*(\S.*?)\s*\}\s*', re.DOTALL)


class MessageLine(msgspec.Struct):
    """The decoded part of a RECORD or STATE line; all values stay encoded."""

    type: str
    stream: str | None = None
    record: dict[str, msgspec.Raw] | None = None
    time_extracted: str | None = None
    version: int | None = None
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class MessageReader(GenericSingerReader[bytes]):
    """Reads Singer messages and passes them on by type.

    The values of a record stay encoded, as `msgspec.Raw`: most are sent unchanged, and decoding and
    encoding them would take more time than everything else.

    Args:
        poll: Called before each wait for input; returns the longest wait in seconds.
        wakeup: Ends a wait for input.
        unreadable: Receives a RECORD that only a lenient decoder can read, and the reason.
        replaying: Returns whether all records so far are from a rejects file, whose last line may
            be incomplete after a kill.
    """

    def __init__(
        self,
        poll: Callable[[], float | None],
        wakeup: Wakeup,
        unreadable: Callable[[dict[str, Any], RecordRejected], None],
        replaying: Callable[[], bool],
    ) -> None:
        super().__init__()
        self.line = b""  # the current line
        self.number = 0
        self._poll = poll
        self._wakeup = wakeup
        self._unreadable = unreadable
        self._replaying = replaying
        self._decode = msgspec.json.Decoder().decode
        self._decode_message = msgspec.json.Decoder(MessageLine).decode

    @property
    @override
    def default_input(self) -> IO[bytes]:
        return sys.stdin.buffer

    @override
    def process_lines(
        self,
        file_input: IO[str] | IO[bytes] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        counts: Counter[str] = Counter()
        source = Lines(file_input, self._wakeup)
        while (lines := source.read(self._poll())) is not None:
            for line in lines:
                self.line = line.removeprefix(codecs.BOM_UTF8)
                self.number += 1
                if not self.line.strip():
                    continue
                try:
                    message = self.deserialize_json(self.line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    if source.torn and self._replaying():
                        logger.warning(
                            "The rejects file ends with an incomplete line, which is skipped"
                        )
                        break
                    self._unreadable(*self._record_read_leniently())
                    counts["RECORD"] += 1
                    continue
                if (callback := callbacks.get(message["type"])) is None:
                    raise self.input_error("its type is none of SCHEMA, RECORD and STATE")
                callback(message)
                counts[message["type"]] += 1
        return counts

    @override
    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        if not line.isascii():
            str(line, "utf-8")  # msgspec does not check values that stay encoded
        try:
            message = self._decode_message(line)
        except msgspec.ValidationError:  # JSON, but not a valid RECORD
            return self._other_message(line)
        except msgspec.DecodeError:
            if (value := _state_with_half_characters(line)) is None:
                raise
            return {"type": "STATE", "value": value}
        if message.type == "STATE" and message.value is not msgspec.UNSET:
            return {"type": "STATE", "value": message.value}
        if message.type != "RECORD" or message.record is None:
            return self._other_message(line)
        return {
            "type": "RECORD",
            "stream": message.stream,
            "record": message.record,
            "time_extracted": message.time_extracted,
            "version": message.version,
        }

    def _other_message(self, line: bytes) -> dict[str, Any]:
        message = self._decode(line)
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise self.input_error("its type is none of SCHEMA, RECORD and STATE")
        if isinstance(record := message.get("record"), dict):
            message["record"] = encoded(record)
        return message

    def _record_read_leniently(self) -> tuple[dict[str, Any], RecordRejected]:
        """Decode a RECORD that is JSON except for NaN, Infinity, its encoding or its depth.

        Returns:
            The message, and the reason to reject it.

        Raises:
            InputError: It is not a RECORD.
        """
        for start, (what, remedy) in _OTHER_FORMATS.items():
            if self.line.startswith(start):
                raise self.input_error(what, remedy)
        text, encoding = self.line.decode(errors="replace"), ""
        if text.encode() != self.line:
            encoding = "a byte in it is not UTF-8"
        try:
            message = json.loads(text)
        except RecursionError as error:
            if (record := _RECORD_START.match(self.line)) is None:
                raise self.input_error("it is nested too deeply") from error
            message = {"type": "RECORD", "stream": json.loads(record[1])}
        except ValueError as error:
            raise self.input_error(encoding or "it is not JSON") from error
        if not isinstance(message, dict) or message.get("type") != "RECORD":
            raise self.input_error(encoding or "it is not strict JSON")
        return message, NOT_UTF8 if encoding else NOT_JSON

    def input_error(self, what: str, remedy: str = "") -> InputError:
        """Return the error for the current line, which is not a Singer message."""
        remedy = remedy or "Does the tap write anything else to its standard output?"
        return InputError(line=self.number, what=what, remedy=remedy)


def _state_with_half_characters(line: bytes) -> msgspec.Raw | None:
    """Return the value of a STATE with half a surrogate pair in a string.

    Python's encoder, which taps use, writes such halves; msgspec rejects them.
    """
    if (state := _STATE.fullmatch(line)) is None or b"\\u" not in line:
        return None
    try:
        json.loads(state[1], parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return msgspec.Raw(state[1])


def _no_constant(name: str) -> None:
    raise ValueError(name)


def encoded(record: dict[str, Any]) -> dict[str, msgspec.Raw]:
    """Encode the values of a record."""
    return {name: msgspec.Raw(_encode(value)) for name, value in record.items()}


def decoded(record: dict[str, msgspec.Raw]) -> dict[str, Any]:
    """Decode the values of a record."""
    return {name: _decode_value(value) for name, value in record.items()}


def _number(text: str) -> float | Decimal:
    """Decode a number as a float, or as a Decimal if a float would lose digits.

    Raises:
        ValueError: It is too large for a float.
    """
    number = float(text)
    if math.isinf(number):
        raise ValueError("too large")
    exact = Decimal(text)
    return number if Decimal(repr(number)) == exact else exact


_decode_value = msgspec.json.Decoder(float_hook=_number).decode
_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode
