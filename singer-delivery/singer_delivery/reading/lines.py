"""Lines of a Singer stream as bytes, read without ever being deaf to other events.

The reading thread waits in one place only, for whichever comes first: input, a lane's
outcome, a signal, or the time at which a batch must leave.
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
import re
import select
import signal
import stat
import sys
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

import msgspec
from singer_sdk.singerlib.encoding.base import GenericSingerReader
from typing_extensions import override

from singer_delivery.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

logger = logging.getLogger("singer_delivery")

CHUNK_BYTES = 1 << 20  # each read lets the lanes in, and has to wait for them


class Wakeup:
    """Ends a wait of the reading thread, from any thread or signal handler.

    It holds until `clear`, which must come before what it told of is taken up: so nothing can
    be told in between and be slept over.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def __call__(self) -> None:
        """Wake the reading thread now, or keep it from falling asleep next time."""
        with suppress(BlockingIOError):  # a full pipe wakes just as well
            os.write(self._write, b"\0")

    def on_signals(self) -> None:
        """Wake at signals too, whichever thread the system hands them to."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def wait(self, timeout: float | None, *also: int) -> bool:
        """Sleep until woken, until one of the files can be read, or for so many seconds.

        Returns:
            Whether one of the files can be read.
        """
        readable, _, _ = select.select([self._read, *also], [], [], timeout)
        return any(file in readable for file in also)

    def clear(self) -> None:
        """Let the next wait sleep."""
        with suppress(BlockingIOError):
            while os.read(self._read, 1 << 16):
                pass

    def close(self) -> None:
        """Give the files back."""
        os.close(self._read)
        os.close(self._write)


class Lines:
    """The lines of one input, in portions.

    Args:
        source: Text or binary file, standard input by default.
        wakeup: Ends a wait for input.
    """

    def __init__(self, source: IO[str] | IO[bytes] | None, wakeup: Wakeup) -> None:
        source = source if source is not None else sys.stdin
        self.torn = False  # whether the last line had no end
        self._wakeup = wakeup
        self._rest: list[bytes] = []
        self._left = sys.maxsize
        try:
            self._file: int | None = source.fileno()
        except (OSError, io.UnsupportedOperation):
            self._file = None  # not a file of the system's: never a wait
            self._portions = _portions(source)
        else:
            self._left = _bytes_to_read(self._file)

    def read(self, timeout: float | None) -> list[bytes] | None:
        """Wait for lines.

        Returns:
            Whole lines, an empty list where the wait ended for another reason, or None at
            the end of the input.
        """
        if self._file is None:
            return next(self._portions, None)
        if not self._wakeup.wait(timeout, self._file):
            return []
        chunk = os.read(self._file, min(CHUNK_BYTES, self._left))
        self._left -= len(chunk)
        if not chunk:
            rest, self._rest = b"".join(self._rest), []
            self.torn = bool(rest)
            return [rest] if rest else None
        if b"\n" not in chunk:
            self._rest.append(chunk)
            return []
        *lines, rest = (b"".join(self._rest) + chunk).split(b"\n")
        self._rest = [rest] if rest else []
        return lines


def _bytes_to_read(file: int) -> int:
    """Say where the input ends: a file does where it does now.

    It may be the rejects file that is being replayed: what is rejected again goes to its end.
    """
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        return sys.maxsize
    return max(0, status.st_size - os.lseek(file, 0, os.SEEK_CUR))


def _portions(source: Iterable[str] | Iterable[bytes]) -> Iterator[list[bytes]]:
    for line in source:
        yield [line.encode() if isinstance(line, str) else line]


_RECORD_START = re.compile(
    rb'\s*\{\s*"type"\s*:\s*"RECORD"\s*,\s*"stream"\s*:\s*("(?:[^"\\]|\\.)*")'
)


class MessageLine(msgspec.Struct):
    """The part of a RECORD or STATE line that is decoded; all values stay encoded."""

    type: str
    stream: str | None = None
    record: dict[str, msgspec.Raw] | None = None
    time_extracted: str | None = None
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class MessageReader(GenericSingerReader[bytes]):
    """Reads Singer messages and hands them out by type.

    The values of a record are handed out as they came, as `msgspec.Raw`: most are sent on as
    they are, and decoding them to encode them again would cost more than all the rest.

    Args:
        tend: Called before each wait for input; says how long the wait may be.
        wakeup: Ends a wait for input.
        not_json: Takes a RECORD that only a lenient reader can make out.
        replaying: Tells whether all records so far came from a rejects file, whose last line
            a kill may have torn.
    """

    def __init__(
        self,
        tend: Callable[[], float | None],
        wakeup: Wakeup,
        not_json: Callable[[dict[str, Any]], None],
        replaying: Callable[[], bool],
    ) -> None:
        super().__init__()
        self.line = b""  # as it came: what `callbacks` are working on
        self._tend = tend
        self._wakeup = wakeup
        self._not_json = not_json
        self._replaying = replaying
        self._number = 0
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
        while (lines := source.read(self._tend())) is not None:
            for self.line in lines:
                self._number += 1
                if not self.line.strip():
                    continue
                try:
                    message = self.deserialize_json(self.line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    if source.torn and self._replaying():
                        logger.warning("The rejects file ends in half a line, which is left out")
                        break
                    self._not_json(self._record_read_leniently())
                    counts["RECORD"] += 1
                    continue
                if (callback := callbacks.get(message["type"])) is None:
                    raise self.wrong("its type is none of SCHEMA, RECORD and STATE")
                callback(message)
                counts[message["type"]] += 1
        return counts

    @override
    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        if not line.isascii():
            str(line, "utf-8")  # msgspec does not look into what stays encoded
        try:
            message = self._decode_message(line)
        except msgspec.ValidationError:  # JSON, but no RECORD as it should be
            return self._other_message(line)
        if message.type == "STATE" and message.value is not msgspec.UNSET:
            return {"type": "STATE", "value": message.value}
        if message.type != "RECORD" or message.record is None:
            return self._other_message(line)
        return {
            "type": "RECORD",
            "stream": message.stream,
            "record": message.record,
            "time_extracted": message.time_extracted,
        }

    def _other_message(self, line: bytes) -> dict[str, Any]:
        message = self._decode(line)
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise self.wrong("its type is none of SCHEMA, RECORD and STATE")
        if isinstance(record := message.get("record"), dict):
            message["record"] = encoded(record)
        return message

    def _record_read_leniently(self) -> dict[str, Any]:
        """Make out a RECORD whose only fault is NaN, Infinity, half a character or its depth."""
        try:
            message = json.loads(self.line)
        except RecursionError as error:
            if (start := _RECORD_START.match(self.line)) is None:
                raise self.wrong("it is nested too deeply") from error
            return {"type": "RECORD", "stream": json.loads(start[1])}
        except ValueError as error:
            raise self.wrong("it is not JSON") from error
        if not isinstance(message, dict) or message.get("type") != "RECORD":
            raise self.wrong("it is not strict JSON")
        return message

    def wrong(self, what: str) -> InputError:
        """Say which line is no Singer message, and why."""
        return InputError(
            f"Line {self._number} of the input is no Singer message: {what}. "
            "Does the tap write anything else to its standard output?"
        )


def encoded(record: dict[str, Any]) -> dict[str, msgspec.Raw]:
    """Encode a record's values, as they are handed out where nothing had to look at them."""
    return {name: msgspec.Raw(_encode(value)) for name, value in record.items()}


def decoded(record: dict[str, msgspec.Raw]) -> dict[str, Any]:
    """Decode a record's values, for what must look at all of them."""
    return {name: _decode_value(value) for name, value in record.items()}


def _number(text: str) -> float | Decimal:
    """Read a number as a float, where that holds all of its digits.

    Raises:
        ValueError: It is larger than any float, so no expression should work with it.
    """
    number = float(text)
    if math.isinf(number):
        raise ValueError("too large")
    exact = Decimal(text)
    return number if Decimal(repr(number)) == exact else exact


_decode_value = msgspec.json.Decoder(float_hook=_number).decode
_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode
