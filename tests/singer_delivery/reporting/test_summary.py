from __future__ import annotations

import pytest

from singer_delivery.reporting.summary import Summary
from singer_delivery.sending.lane import Traffic


def counted() -> Summary:
    summary = Summary()
    summary.read.update({"users": 5, "orders": 2})
    summary.outcomes["delivered"]["users"] = 3
    summary.outcomes["rejected"]["users"] = 1
    summary.outcomes["skipped"]["orders"] = 2
    summary.reasons["id_not_string"] = 1
    summary.skip_reasons["ignored"] = 2
    return summary


@pytest.mark.promise(12)
def test_the_summary_for_machines_says_everything_by_stream() -> None:
    traffic = Traffic(requests=4, retries=1, waited_seconds=0.5, bytes_sent=100)
    assert counted().as_dict(traffic, 2.0, 3) == {
        "read": 7,
        "delivered": 3,
        "unchanged": 0,
        "skipped": 2,
        "rejected": 1,
        "undelivered": 1,
        "skipped_by_reason": {"ignored": 2},
        "rejected_by_reason": {"id_not_string": 1},
        "requests": 4,
        "retries": 1,
        "waited_seconds": 0.5,
        "bytes_sent": 100,
        "seconds": 2.0,
        "records_per_second": 3.5,
        "exit_code": 3,
        "streams": {
            "users": {"read": 5, "delivered": 3, "unchanged": 0, "skipped": 0, "rejected": 1},
            "orders": {"read": 2, "delivered": 0, "unchanged": 0, "skipped": 2, "rejected": 0},
        },
    }


def test_the_summary_for_people_is_one_line() -> None:
    sentence = counted().sentence(Traffic(requests=4, retries=1, bytes_sent=100), 2.0)
    assert sentence == (
        "7 records read: 3 delivered; 2 skipped; 1 rejected; 1 undelivered; "
        "skipped for: ignored 2; rejected for: id_not_string 1. "
        "4 requests, 1 retries, 100 bytes in 2.0 s, 4 records/s."
    )


def test_a_run_of_no_time_at_all_has_no_rate() -> None:
    assert "records/s" not in Summary().sentence(Traffic(), 0.0)
    assert Summary().as_dict(Traffic(), 0.0, 0)["records_per_second"] == 0


def test_removals_are_counted_by_themselves_where_there_may_be_some() -> None:
    summary = counted()
    assert "removed" not in summary.as_dict(Traffic(), 1.0, 0)
    summary.removed["companies"] = 2
    summary.removals_rejected["users"] = 1
    found = summary.as_dict(Traffic(), 1.0, 0)
    assert (found["read"], found["removed"], found["removals_rejected"]) == (7, 2, 1)
    assert found["streams"]["companies"]["removed"] == 2
    assert found["streams"]["users"]["removals_rejected"] == 1
    assert "1 undelivered; 2 removed; 1 removals rejected; skipped" in summary.sentence(
        Traffic(), 1.0
    )
