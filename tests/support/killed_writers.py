"""Processes that write to one rejects file at once and are killed while they do.

    python killed_writers.py FILE KILLS

Prints the ids of the records of which a writer was told that they are on the disk.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from singer_delivery.errors import RejectsFileError
from singer_delivery.files import SharedLines
from singer_delivery.rejects.file import Rejects

WRITERS = 4
LINE = b'{"type":"RECORD","stream":"s%d","record":{"id":"%b","text":"%b"}}'
SCHEMA = b'{"type":"SCHEMA","stream":"s%d","schema":{"properties":{}}}'


def write_for_ever(path: Path, writer: int, said: int) -> None:
    """Reject records of all sizes until killed."""
    file = Rejects(SharedLines(path, RejectsFileError), lambda: "now")
    file.schema(f"s{writer}", SCHEMA % writer)
    number = 0
    while True:
        ids = []
        for _ in range(random.randint(1, 4)):
            number += 1
            ids.append(b"%d-%d" % (os.getpid(), number))
            text = b"x" * random.choice([10, 1_000, 300_000])
            file.add(f"s{writer}", LINE % (writer, ids[-1], text), "r", "d")
        file.sync()
        os.write(said, b"".join(each + b"\n" for each in ids))  # at once, as it is short
        if random.random() < 0.1:
            file.close()
            file = Rejects(SharedLines(path, RejectsFileError), lambda: "now")
            file.schema(f"s{writer}", SCHEMA % writer)


def main() -> None:
    path, kills = Path(sys.argv[1]), int(sys.argv[2])
    read, said = os.pipe()

    def started(writer: int) -> int:
        process = os.fork()
        if not process:
            write_for_ever(path, writer, said)
        return process

    writers = [started(number) for number in range(WRITERS)]
    for _ in range(kills):
        show(read)  # on a slow machine too, something is written between two kills
        time.sleep(random.uniform(0.005, 0.05))
        victim = random.randrange(WRITERS)
        os.kill(writers[victim], signal.SIGKILL)
        os.waitpid(writers[victim], 0)
        writers[victim] = started(victim)
    for process in writers:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    os.close(said)
    while show(read):
        pass


def show(read: int) -> bool:
    """Wait until something is said, and pass it on; false where no more will be."""
    ids = os.read(read, 1 << 16)
    sys.stdout.buffer.write(ids)
    return bool(ids)


if __name__ == "__main__":
    main()
