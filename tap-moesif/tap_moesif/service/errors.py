"""The errors of Moesif's API, by how they are handled.

    MoesifError              ends the run
    ├── ForbiddenError       the key may not read this; it may be able to read the other streams
    ├── NotFoundError        the path does not exist
    ├── RejectedQueryError   Moesif cannot run the search
    └── AttemptError         a retry may succeed
        └── TooLargeError    a smaller request may succeed

Each message says what happened and what to do, and contains no key, no password and no values of
documents. `make settings` generates `docs/failures.md` from the classes.
"""

from __future__ import annotations

from typing import Any

from tap_moesif.errors import MoesifError


class ForbiddenError(MoesifError):
    """The key is invalid or lacks a scope.

    Attributes:
        scope: The scope that the key lacks, if the key itself is valid.
    """

    sentence = (
        "Moesif refuses the key for {path} (HTTP {status:d}): management_api_key is wrong, "
        "expired, or lacks the scope {scope}, which the stream '{stream}' needs. Create a key with "
        "that scope in Moesif under Settings > API Keys > Management API, or {remedy}."
    )
    advice = "The other streams were read, unless the key itself is invalid."

    def __init__(self, message: str = "", *, scope: str, **values: Any) -> None:  # noqa: ANN401, as `str.format` takes them
        super().__init__(message, scope=scope, **values)
        self.scope = scope


class AllForbiddenError(ForbiddenError):
    """The key may not read any of the selected streams."""

    sentence = (
        "Moesif refuses the key for every selected stream: management_api_key is wrong or expired, "
        "or lacks the scopes {scope}. Create a key with these scopes in Moesif under Settings > "
        "API Keys > Management API."
    )
    advice = "If the key used to work, it has expired."


class NotFoundError(MoesifError):
    """The path does not exist."""

    sentence = (
        "Moesif responded to {path} with HTTP {status:d}{reason}. Check api_url ({host}), "
        "users_path and companies_path."
    )
    advice = "Try the paths' defaults, or the alternatives in the settings' descriptions."


class UnexpectedStatusError(MoesifError):
    """The response has an unexpected status."""

    sentence = "Moesif responded to {path} with HTTP {status:d}{reason}. Check api_url ({host})."
    advice = "The address probably does not lead to Moesif's API. Redirects are not followed."


class RejectedQueryError(MoesifError):
    """Moesif cannot run the search."""

    sentence = (
        "Moesif responded to {path} with HTTP {status:d}{reason}. Check app_id; if it is "
        "correct, {remedy}."
    )
    advice = "Remove `app_id`, if it is set, and try again."


class NoOrderByIdError(RejectedQueryError):
    """The search engine does not allow sorting by document id."""

    sentence = (
        "Moesif responded to {path} with HTTP {status:d}{reason}: the search engine does "
        "not allow sorting by _id (indices.id_field_data.enabled is false), which is needed to "
        "read all documents. Ask its operator to enable it."
    )
    advice = "Contact Moesif's support."


class NoOrderByTimeError(MoesifError):
    """The search engine cannot sort a stream by its times."""

    sentence = (
        "Moesif cannot sort '{stream}' by {times}, so it cannot be searched by time: {error} If "
        "only this stream fails, its index may contain these times as text: remove start_date and "
        "end_date, and set the stream's replication-method to FULL_TABLE in the catalog."
    )
    advice = "Every run then reads everything, so set `changed_only` in the target."


class NoCursorError(MoesifError):
    """A page has no cursor for the next page."""

    sentence = (
        "Moesif's response to {path} has no cursor for the next page, so the rest cannot be read. "
        "Please report this with the name of the path."
    )
    advice = "Try the alternative of `users_path` or `companies_path`."


class NoUsageError(MoesifError):
    """The response to a query for usage is not in the expected form."""

    sentence = "Moesif's response to the query for usage is not in the expected form; {remedy}."
    advice = "Please report this."


class NotCountedError(MoesifError):
    """The response contains no number of users."""

    sentence = (
        "Moesif's response to {path} does not contain the number of users in a time range, so no "
        "windows can be planned. Read everything in one run."
    )
    advice = "Please report this."


class GivenUpError(MoesifError):
    """All attempts have failed."""

    sentence = "{failure} Tried {attempts} times in {seconds:.0f} s. {advice}"
    advice = "See the sentence of the failure itself."


class LongWaitError(MoesifError):
    """Moesif asks the tap to wait longer than its limit."""

    sentence = (
        "{failure} Moesif asks to wait {requested:.0f} s{before}, more than the limit of "
        "{limit:.0f} s for one request. {advice}"
    )
    advice = "Run again after that time."


class AttemptError(MoesifError):
    """An attempt failed; a retry may succeed.

    Attributes:
        advice: What to do if all attempts fail; logged at the end of the run.
        wait: Seconds that Moesif asks to wait before the next attempt, if any.
    """

    advice = "Run again later."

    def __init__(
        self,
        message: str = "",
        advice: str = "",
        wait: float | None = None,
        **values: Any,  # noqa: ANN401, as `str.format` takes them
    ) -> None:
        super().__init__(message, **values)
        self.advice = advice or self.advice.format(**values)  # type: ignore[misc]
        self.wait = wait


class NoAnswerError(AttemptError):
    """There was no response, or an incomplete one."""

    sentence = "No response from Moesif at {host} ({reason})."
    advice = "Check api_url, and that this machine can reach it."


class RateLimitError(AttemptError):
    """The rate limit is reached."""

    sentence = "Moesif's limit of queries per minute is reached."
    advice = "Check what else uses the key, or lower requests_per_minute."


class ServerError(AttemptError):
    """Moesif has a temporary problem."""

    sentence = "Moesif responded to {path} with HTTP {status:d}{reason}."
    advice = "Run again later. If it persists, check api_url ({host})."


class UnexpectedAnswerError(AttemptError):
    """The response is not JSON, or not in Moesif's form."""

    sentence = "The response to {path} is not in Moesif's JSON form."
    advice = "Check that api_url leads to Moesif's API and not to a proxy's page."


class NoHitsError(AttemptError):
    """The response to a search has no list of hits."""

    sentence = "The response to {path} has no list of hits."


class RepeatedPageError(AttemptError):
    """Moesif returned the same page again."""

    sentence = "Moesif's response to {path} repeats a page that was already read."


class EmptyPageError(AttemptError):
    """A page before the end is empty."""

    sentence = "Moesif's response to {path} is an empty page, although more documents follow."


class TimedOutError(AttemptError):
    """The search timed out."""

    sentence = "Moesif's search {path} timed out, so the page is incomplete."
    advice = "Run again later. If it happens often, lower max_page_size."


class FailedShardsError(AttemptError):
    """A shard of the index failed."""

    sentence = "A shard of Moesif's index failed in {path}{reason}, so the page is incomplete."
    advice = "Run again later. If it happens often, lower max_page_size."


class TooLargeError(AttemptError):
    """The request or its response is too large.

    Attributes:
        transient: Whether the same request may succeed later, if it cannot be made smaller.
    """

    sentence = "Moesif responded to {path} with HTTP {status:d}{reason}: the request is too large."
    advice = "It cannot be made smaller. Check whether a proxy limits the size of responses."

    def __init__(self, message: str = "", *, transient: bool = False, **values: Any) -> None:  # noqa: ANN401, as `str.format` takes them
        super().__init__(message, **values)
        self.transient = transient


class TooLargeAnswerError(TooLargeError):
    """The response is larger than the tap's limit."""

    sentence = "Moesif's response to {path} is larger than the limit of {limit} MB."
    advice = "Check that api_url leads to Moesif's API."


class TooLargeForShardError(TooLargeError, FailedShardsError):
    """A shard of the index failed because the request was too large."""

    sentence = FailedShardsError.sentence
    advice = FailedShardsError.advice
