"""What can go wrong, by what follows from it.

    MoesifError              the run ends
    ├── ForbiddenError       the key may not read this; it may be able to read the other streams
    ├── NotFoundError        there is nothing under that path
    ├── RejectedQueryError   the search is not one that Moesif can run
    └── AttemptError         this attempt failed; the next may not
        └── TooLargeError    this attempt asked for too much; a smaller one may succeed

Each message says what happened and what to do, and holds no key, no password and nothing of a
document. `docs/failures.md` is made of the classes by `make settings`: of each its sentence, its
exit code and its advice.
"""

from __future__ import annotations

from typing import Any

from singer_delivery.errors import OperatorError


class MoesifError(OperatorError):
    """The sync cannot go on."""


class ForbiddenError(MoesifError):
    """The key may not read what was requested, and perhaps nothing at all.

    Attributes:
        scope: The scope that the key lacks, if the key itself is valid.
    """

    sentence = (
        "Moesif refuses the key for {path} (HTTP {status:d}): management_api_key is wrong, "
        "expired, or lacks the scope {scope}, which the stream '{stream}' needs. Make a key with "
        "that scope in Moesif under Settings > API Keys > Management API, or {remedy}."
    )
    advice = "The other streams were read all the same, unless the key is wrong."

    def __init__(self, message: str = "", *, scope: str, **values: Any) -> None:  # noqa: ANN401, as `str.format` takes them
        super().__init__(message, scope=scope, **values)
        self.scope = scope


class AllForbiddenError(ForbiddenError):
    """The key may read none of the selected streams."""

    sentence = (
        "Moesif refuses the key for every selected stream: management_api_key is wrong or expired, "
        "or lacks the scopes {scope}. Make a key with these scopes in Moesif under Settings > "
        "API Keys > Management API."
    )
    advice = "A key that worked yesterday has expired."


class NotFoundError(MoesifError):
    """There is nothing under a path."""

    sentence = (
        "{answer}: there is no such path; are api_url ({host}), users_path and companies_path "
        "right?"
    )
    advice = "Set the paths to their defaults, or to the alternatives that their descriptions name."


class UnexpectedStatusError(MoesifError):
    """An answer has a status that Moesif does not give."""

    sentence = "{answer}: is api_url ({host}) right?"
    advice = "Something else than Moesif's API answers there. A redirect is not followed."


class RejectedQueryError(MoesifError):
    """A search is not one that Moesif can run."""

    sentence = "{answer}: the search was not understood; is app_id right? If it is, {remedy}."
    advice = "Remove `app_id`, if it is set, and try again."


class NoOrderByIdError(RejectedQueryError):
    """The search engine does not sort by the documents' ids."""

    sentence = (
        "{answer}: its search engine does not sort by _id (indices.id_field_data.enabled is "
        "false), without which no walk through all documents is complete. Ask its operator to "
        "allow that."
    )
    advice = "Ask Moesif's support."


class NoOrderByTimeError(MoesifError):
    """The search engine does not sort by the times of a stream."""

    sentence = (
        "Moesif does not sort '{stream}' by {times}, so it cannot be searched by time: {answer} If "
        "it is so for this stream alone, its index may have these as text: leave start_date and "
        "end_date out, and set the stream's replication-method to FULL_TABLE in the catalog."
    )
    advice = "Every run then reads everyone, so set `changed_only` in the target."


class NoCursorError(MoesifError):
    """A page does not say where the next one begins."""

    sentence = (
        "Moesif's answer to {path} does not say where the next page begins, so the rest cannot be "
        "read. Please report this with the name of the path."
    )
    advice = "Try the alternative of `users_path` or `companies_path`."


class NoUsageError(MoesifError):
    """An answer is not the usage that was asked for."""

    sentence = "Moesif's answer to the search for usage has not the shape of one; {remedy}."
    advice = "Report it, please."


class OtherStateError(MoesifError):
    """The state is not one of this tap."""

    sentence = (
        'The state is no object with "bookmarks" for each stream, so not one of this tap. Run '
        "without it, or with --full-refresh, to read everything again."
    )
    advice = "Was the state of another job set? `meltano state list` and `get` show it."


class StateOfStreamError(MoesifError):
    """The state of a stream cannot be resumed."""

    sentence = (
        "The state of '{stream}' {what}. Take this stream out of the state, or run with "
        "--full-refresh, to read everything again."
    )
    advice = "It was edited, or a newer version of tap-moesif has written it."


class StreamMapError(MoesifError):
    """A stream map cannot be applied."""

    sentence = "The stream maps cannot be applied to '{stream}': {what}"
    advice = "Correct `stream_maps` in the settings of this tap. What was written is kept."


class FileError(MoesifError):
    """A file of the command line cannot be used."""

    sentence = "--{name} names a file that holds no JSON object."
    advice = (
        "`--state`: take the last whole STATE line. `--catalog`: make it anew with `--discover`."
    )


class NothingToPlanError(MoesifError):
    """There is no time to cut into windows."""

    sentence = "Nothing can be planned: start_date is in the future."
    advice = "Of `--windows`: correct `start_date`."


class NotCountedError(MoesifError):
    """An answer does not say how many users there are."""

    sentence = (
        "Moesif's answer to {path} does not say how many users there are in a range of time, so no "
        "windows can be planned; read everything by one run."
    )
    advice = "Report it, please."


class GivenUpError(MoesifError):
    """All attempts have failed."""

    sentence = "{failure} Tried {attempts} times in {seconds:.0f} s. {advice}"
    advice = "What failed, and what to do, is told by one of the sentences below."


class LongWaitError(MoesifError):
    """Moesif asks to wait for longer than this tap does."""

    sentence = (
        "{failure} It asks to wait {asked:.0f} s{before}, which is more than this tap waits for "
        "one answer ({most:.0f} s). {advice}"
    )
    advice = "Run again after that time."


class AttemptError(MoesifError):
    """An attempt failed; the next may not.

    Attributes:
        advice: What to do where all attempts fail; it ends the last sentence of the run.
        wait: How many seconds Moesif asks to wait before the next attempt, if it does.
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
    """No answer came, or only a part of one."""

    sentence = "No answer from Moesif at {host} ({reason})."
    advice = "Is api_url right, and can this machine reach it?"


class RateLimitError(AttemptError):
    """The limit of queries is reached."""

    sentence = "Moesif's limit of queries a minute is reached."
    advice = "Find what else uses the key, or lower requests_per_minute."


class ServerError(AttemptError):
    """Moesif has trouble of its own."""

    sentence = "{answer}."
    advice = "Run again later; api_url leads to {host}."


class UnexpectedAnswerError(AttemptError):
    """An answer is not JSON, or not in Moesif's form."""

    sentence = "The answer to {path} is not the JSON that Moesif gives."
    advice = "Does api_url lead to Moesif's API, and not to a proxy's page?"


class NoHitsError(AttemptError):
    """An answer to a search holds no list of hits."""

    sentence = "The answer to {path} holds no list of hits."


class RepeatedPageError(AttemptError):
    """A page was read already."""

    sentence = "Moesif's answer to {path} is a page that was read already."


class EmptyPageError(AttemptError):
    """A page is empty before the end."""

    sentence = "Moesif's answer to {path} is an empty page, although there is more."


class TimedOutError(AttemptError):
    """The search ran out of time."""

    sentence = "Moesif ran out of time over {path}; its page is incomplete."
    advice = "Run again later, with a smaller page_size if it happens daily."


class FailedShardsError(AttemptError):
    """A part of the index failed."""

    sentence = "A part of Moesif's index failed over {path}{reason}; its page is incomplete."
    advice = "Run again later, with a smaller page_size if it happens daily."


class TooLargeError(AttemptError):
    """An attempt asked for more than Moesif, or this tap, handles at once.

    Attributes:
        transient: Whether the same request may succeed later, where it cannot be made smaller.
    """

    sentence = "{answer}: that is too much at once."
    advice = "Less cannot be asked for. Does a proxy on the way limit the size of answers?"

    def __init__(self, message: str = "", *, transient: bool = False, **values: Any) -> None:  # noqa: ANN401, as `str.format` takes them
        super().__init__(message, **values)
        self.transient = transient


class TooLargeAnswerError(TooLargeError):
    """An answer is larger than this tap reads."""

    sentence = (
        "An answer of Moesif to {path} is larger than {most} MB, which this tap does not read."
    )
    advice = "Does api_url lead to Moesif's API?"


class TooLargeForShardError(TooLargeError, FailedShardsError):
    """A part of the index failed because too much was asked for."""

    sentence = FailedShardsError.sentence
    advice = FailedShardsError.advice
