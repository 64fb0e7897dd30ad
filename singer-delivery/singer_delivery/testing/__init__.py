"""A kit for testing targets: `pip install singer-delivery[testing]`.

`ScriptedService` is a service over loopback HTTP with scripted answers. `deliver` runs a target in
this process and returns the result; `StateRecorder` records the STATE lines. `DeliveryPromises`
contains the tests that every target must pass:

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
