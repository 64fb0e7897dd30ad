"""singer-sdk's own tests of a target: streams of every kind, none of which may upset it."""

from __future__ import annotations

from singer_sdk.testing import get_target_test_class
from singer_sdk.testing.suites import SingerTestSuite, target_tests
from singer_sdk.testing.target_tests import TargetRecordMissingKeyProperty

from target_segment import TargetSegment

# A stream's key means nothing to Segment: a record without it is no error here.
SUITE = SingerTestSuite(
    kind="target",
    tests=[test for test in target_tests.tests if test is not TargetRecordMissingKeyProperty],
)

# Everything but the sending; records without an id are rejected.
CONFIG = {
    "write_key": "k",
    "dry_run": True,
    "max_rejects": -1,
    "streams": {"*": {"call": "track", "user_id": "id", "event": {"literal": "Seen"}}},
}

TestTargetSegment = get_target_test_class(
    TargetSegment, config=CONFIG, include_target_tests=False, custom_suites=[SUITE]
)
