from __future__ import annotations

import pytest

from singer_delivery.http import (
    NO_ANSWER,
    FailedTooLongError,
    RequestedWaitTooLongError,
    WaitedTooLongError,
)
from singer_delivery.sending.retry import Answer, ServiceErrors, Verdict, verdict


@pytest.mark.promise(7)
@pytest.mark.parametrize("status", [NO_ANSWER, 408, 410, 429, 460, 500, 502, 503, 504, 511, 599])
@pytest.mark.parametrize("about_sender", [True, False])
def test_what_may_pass_is_tried_again_whatever_its_words(status: int, about_sender: bool) -> None:
    assert verdict(Answer(status, about_sender=about_sender)) is Verdict.RETRY


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_about_the_batch_is_halved_and_what_is_about_the_sender_is_not(status: int) -> None:
    assert verdict(Answer(status)) is Verdict.REFUSED
    assert verdict(Answer(status, about_sender=True)) is Verdict.STOP


@pytest.mark.parametrize("status", [301, 307, 401, 402, 403, 404, 405, 451, 501, 505])
def test_anything_else_stops_the_run(status: int) -> None:
    assert verdict(Answer(status)) is Verdict.STOP


@pytest.mark.promise(8)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_success_counts_only_if_its_body_says_so(status: int) -> None:
    assert verdict(Answer(status, accepted=True)) is Verdict.ACKNOWLEDGED
    assert verdict(Answer(status)) is Verdict.RETRY
    assert verdict(Answer(status, about_sender=True)) is Verdict.STOP


ADVICE = ServiceErrors("there.example", ["key"], ["region", "host"])
ANSWER = Answer(503, detail="HTTP 503 Service Unavailable")


def test_a_refused_sender_is_told_what_to_check() -> None:
    said = str(ADVICE.refused(Answer(400, detail="HTTP 400 Bad Request", about_sender=True)))
    assert said == (
        "there.example refuses this sender: HTTP 400 Bad Request. It is about the key or the "
        "account. Nothing was rejected. Check key, region and host, and run again."
    )


@pytest.mark.parametrize(
    ("error", "first", "words"),
    [
        (
            FailedTooLongError(600, 23),
            False,
            (
                "No delivery to there.example for 600 s (retry_max_seconds), in 23 attempts: "
                "HTTP 503 Service Unavailable. State is kept. Check region and host, "
            ),
        ),
        (
            FailedTooLongError(40, 1),
            True,
            (
                "No delivery to there.example for 40 s (the limit before a first answer), in 1 "
                "attempt: HTTP 503"
            ),
        ),
        (
            WaitedTooLongError(3_600, 3_600),
            False,
            (
                "there.example has requested one wait after another, 3600 s in total, in 3600 "
                "attempts (HTTP 503 Service Unavailable). State is kept. Run again later."
            ),
        ),
        (
            RequestedWaitTooLongError(600, 1, 86_400),
            False,
            (
                "there.example requests a wait of 86400 s (HTTP 503 Service Unavailable), longer "
                "than retry_max_seconds (600). Run again later, or raise retry_max_seconds."
            ),
        ),
    ],
)
def test_the_last_sentence_names_the_host_the_setting_and_what_was_tried(
    error: FailedTooLongError, first: bool, words: str
) -> None:
    assert str(ADVICE.given_up(ANSWER, error, first=first)).startswith(words)
