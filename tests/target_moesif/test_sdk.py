"""singer-sdk's own tests of a target: streams of every kind, none of which may upset it."""

from __future__ import annotations

from singer_sdk.testing import get_target_test_class
from singer_sdk.testing.suites import SingerTestSuite, target_tests
from singer_sdk.testing.target_tests import TargetRecordMissingKeyProperty

from target_moesif import TargetMoesif

# A stream's key means nothing to Moesif: a record without it is no error here.
SUITE = SingerTestSuite(
    kind="target",
    tests=[test for test in target_tests.tests if test is not TargetRecordMissingKeyProperty],
)

# None of its streams has a route, so nobody listens where the target would send.
TestTargetMoesif = get_target_test_class(
    TargetMoesif,
    config={"application_id": "k", "api_url": "http://127.0.0.1:9", "retry_max_seconds": 0},
    include_target_tests=False,
    custom_suites=[SUITE],
)
