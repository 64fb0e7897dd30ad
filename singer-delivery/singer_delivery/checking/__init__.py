"""The checks of `--check`, which find what would stop a run and change nothing."""

from singer_delivery.checking.findings import (
    Finding,
    Sign,
    clock_finding,
    exit_code,
    table,
    write_table,
)

__all__ = ["Finding", "Sign", "clock_finding", "exit_code", "table", "write_table"]
