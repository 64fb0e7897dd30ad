"""Compares speed and memory with other programs in one run, and prints Markdown.

    make bench
    .venv/bin/python -m benchmarks.run --only tap --records 10000

README.md in this folder describes the measurements.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import latency, sections, usage, windows
from benchmarks.changes import changes
from benchmarks.measure import CommandFailedError

SECTIONS = {
    "target": sections.target,
    "targets": sections.both_targets,
    "changes": changes,
    "tap": sections.tap,
    "pair": sections.pair,
    "latency": latency.latency,
    "usage": usage.usage,
    "windows": windows.windows,
}
RECORDS = 50_000
SAMPLE = 100_000
QUICK_RECORDS = 10_000
KEYS = 1_000_000
QUICK_KEYS = 100_000


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure speed and memory beside others.")
    parser.add_argument(
        "--records", type=int, help=f"how many users ({RECORDS:,}; for taps and pairs {SAMPLE:,})"
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_RECORDS:,} users, each contestant once"
    )
    parser.add_argument(
        "--keys", type=int, help=f"how many keys changed_only's file has ({KEYS:,})"
    )
    parser.add_argument("--repeat", type=int, help="rounds, of which the best counts (2)")
    parser.add_argument("--only", choices=SECTIONS, help="one comparison")
    return parser.parse_args()


def main() -> None:
    """Run the comparisons, and print each table when it is complete."""
    wanted = arguments()
    records = wanted.records or (QUICK_RECORDS if wanted.quick else RECORDS)
    sample = wanted.records or (QUICK_RECORDS if wanted.quick else SAMPLE)
    keys = wanted.keys or (QUICK_KEYS if wanted.quick else KEYS)
    rounds = wanted.repeat or (1 if wanted.quick else 2)
    print(
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"{len(os.sched_getaffinity(0))} cores; best of {rounds}."
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = sections.prepare(
            Path(folder), records, sample, rounds, keys=keys, quick=wanted.quick
        )
        for name, section in SECTIONS.items():
            if wanted.only in {None, name}:
                for part in section(bench):
                    print(f"\n{part}", flush=True)
    print(f"\nLoad of the machine at the end: {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    try:
        main()
    except CommandFailedError as error:
        sys.exit(str(error))
