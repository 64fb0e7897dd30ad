"""A kit to test a target with: `pip install singer-delivery[testing]`.

`ScriptedService` is a service over loopback HTTP that answers as a test tells it to. `deliver` runs
a target in this process and returns what is left of the run; `StateRecorder` takes the STATE lines.
`DeliveryPromises` holds the tests that every target must pass:

    class TestPromises(DeliveryPromises):
        subject = Subject(target=TargetWebhook, settings=lambda url: {"url": url, ...}, ...)
"""

import pytest

for module in ("features", "promises", "subject"):
    pytest.register_assert_rewrite(f"{__name__}.{module}")

from singer_delivery.testing.promises import DeliveryPromises  # noqa: E402
from singer_delivery.testing.runs import Ended, StateRecorder, deliver  # noqa: E402
from singer_delivery.testing.service import Reply, Request, ScriptedService  # noqa: E402
from singer_delivery.testing.subject import Subject  # noqa: E402

__all__ = [
    "DeliveryPromises",
    "Ended",
    "Reply",
    "Request",
    "ScriptedService",
    "StateRecorder",
    "Subject",
    "deliver",
]
