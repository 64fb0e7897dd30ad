"""What `--check` does: it tells what a run would stumble over, and changes nothing."""

from singer_delivery.checking.findings import (
    Finding,
    Sign,
    clock_finding,
    exit_code,
    table,
    write_table,
)

__all__ = ["Finding", "Sign", "clock_finding", "exit_code", "table", "write_table"]
