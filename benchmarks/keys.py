"""Measures storing and looking up the fingerprints of many keys.

    python -m benchmarks.keys PLACE KEYS

PLACE is a file or the URI of a database, as in the setting `fingerprints_path`.

It runs in its own process, so that its memory can be measured.
"""

from __future__ import annotations

import os
import random
import sys
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psycopg

from singer_delivery import Message
from singer_delivery.delivery import LOOKED_UP_TOGETHER
from singer_delivery.fingerprints.changes import ENTITY_KEY_BYTES, FINGERPRINT_BYTES, Fingerprints
from singer_delivery.fingerprints.stores import fingerprint_store, is_database

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LOOK_UPS = 100_000
COLD_LOOK_UPS = 10_000


def measured(place: str, keys: int) -> Iterator[tuple[str, str]]:
    """Create the store and measure it."""
    started, cpu = time.perf_counter(), time.process_time()
    with closing(_opened(place)) as fingerprints:
        for batch in _batches(range(keys)):
            fingerprints.look_up(message.entity_key for message in batch)
            for message in batch:
                fingerprints.send(message)
            fingerprints.before_batch()
            for message in batch:
                fingerprints.resolve(message, acknowledged=True)
            fingerprints.flush()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    yield "new keys a second", f"{keys / seconds:,.0f}"
    yield "CPU µs a new key, without a server's", f"{1e6 * cpu / keys:,.1f}"
    yield "bytes a key", f"{_size(place) / keys:,.1f}"
    if not is_database(place):
        _forget(Path(place))
    started = time.perf_counter()
    with closing(_opened(place)) as fingerprints:
        yield "ms to open", f"{1e3 * (time.perf_counter() - started):,.1f}"
        cold = f"{_rate(fingerprints, keys, COLD_LOOK_UPS):,.0f}"
        yield "look-ups a second, file forgotten", "" if is_database(place) else cold
        if not is_database(place):
            with Path(place).open("rb") as file:  # fill the system's cache
                while file.read(1 << 20):
                    pass
        yield "look-ups a second", f"{_rate(fingerprints, keys, LOOK_UPS):,.0f}"


def _opened(place: str) -> Fingerprints:
    store = fingerprint_store(place, "benchmark", [], writable=True, wait=time.sleep)
    fingerprints = Fingerprints(store)
    fingerprints.open()
    return fingerprints


def _size(place: str) -> int:
    """Return the size of all keys, including the index."""
    if not is_database(place):
        return Path(place).stat().st_size
    with psycopg.connect(place) as database:
        [[size]] = database.execute("SELECT pg_total_relation_size('singer_fingerprints')")
    return int(size)


def _batches(numbers: Iterable[int]) -> Iterator[list[Message]]:
    """Yield messages for numbers, in batches as the target looks them up."""
    batch = []
    for number in numbers:
        digest = sha256(b"%d" % number).digest()
        entity_key = int.from_bytes(digest[:ENTITY_KEY_BYTES], "big", signed=True)
        fingerprint = digest[-FINGERPRINT_BYTES:]
        batch.append(Message("", b"", entity_key=entity_key, fingerprint=fingerprint))
        if len(batch) == LOOKED_UP_TOGETHER:
            yield batch
            batch = []
    yield batch


def _rate(fingerprints: Fingerprints, keys: int, count: int) -> float:
    batches = [*_batches(random.randrange(keys) for _ in range(count))]  # noqa: S311, no secret
    started = time.perf_counter()
    changed = 0
    for batch in batches:
        fingerprints.look_up(message.entity_key for message in batch)
        changed += sum(map(fingerprints.send, batch))
    seconds = time.perf_counter() - started
    if changed:
        sys.exit(f"{changed} of {count} keys were not found.")
    return count / seconds


def _forget(path: Path) -> None:
    """Remove a file from the system's cache, if possible."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode([*measured(sys.argv[1], int(sys.argv[2]))]))
