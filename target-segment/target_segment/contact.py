"""`--first-contact`: finds out with a real write key what Segment's documentation does not say.

It sends only empty batches, and with `--send` one identify call. The report contains statuses,
types, and yes or no, so it can be pasted into an issue.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import msgspec
import requests

from singer_delivery.http import (
    HeaderAuth,
    get,
    no_answer_reason,
    session_to,
    with_scheme,
)
from target_segment.client import CDN, HOSTS, SegmentApi, region_in, region_of, versioned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from singer_delivery import Message

TIMEOUT_SECONDS = 30
LIMIT_HEADERS = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_CODE = re.compile(r"[a-z][a-z_]{0,39}")


class _Reply(NamedTuple):
    """A response in words, or why there was none."""

    text: str
    headers: Mapping[str, str]
    is_success: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """Asks all questions.

    Attributes:
        write_key: The write key of the source.
        address: Base URL of the API, ending in `/v1`.
        cdn: Base URL for looking up write keys, ending in `/v1`, if there is one.
        now: Returns the current time as ISO 8601.
    """

    write_key: str
    address: str
    cdn: str | None
    now: Callable[[], str]

    def report(self, version: str, identify: Message | None) -> str:
        """Ask all questions and return the report, in Markdown.

        Args:
            version: The version of this target.
            identify: An identify call to send, if any.
        """
        rows = [*self._rows()]
        lines = [f"# First contact of target-segment {version} with Segment, {self.now()[:10]}", ""]
        lines += ["| question | answer |", "| --- | --- |"]
        lines += [f"| {question} | {answer} |" for question, answer in rows]
        if identify is not None:
            lines += ["", *self._sent(identify)]
        lines += ["", "This report contains no key and no content of a call.", ""]
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "Does the CDN know the key?", self._key() if self.cdn else "not checked: host is set"
        empty = self._post(self.address)
        yield "What is the response to an empty batch?", empty.text
        packed = self._post(self.address, compress=True)
        yield "And to one compressed with gzip?", packed.text
        home = region_of(self.address)
        for region, host in HOSTS.items():
            if home and region != home:
                text = self._post(versioned(host)).text
                yield f"And in the other region, {region}?", text
        named = [name for name in LIMIT_HEADERS if name in empty.headers]
        yield "Which rate limit headers do responses have?", ", ".join(named) or "none"
        yield "Do responses have a Date header?", "yes" if "Date" in empty.headers else "no"

    def _key(self) -> str:
        url = f"{self.cdn}/projects/{quote(self.write_key, safe='')}/settings"
        try:
            response = get(url, seconds=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            return f"no response ({no_answer_reason(error, TIMEOUT_SECONDS)})"
        if response.status != HTTPStatus.OK:
            return f"no: {response.status}"
        settings = _json(response.content)
        own = _member(_member(settings, "integrations"), "Segment.io")
        if not isinstance(own, dict):
            return "yes; its settings do not contain the region"
        host = "with apiHost" if "apiHost" in own else "without apiHost"
        return f"yes, {host}; region {region_in(settings) or 'unknown'}"

    def _sent(self, identify: Message) -> Iterator[str]:
        reply = self._post(self.address, identify.body)
        yield "## One identify"
        yield ""
        yield f"The response was {reply.text}."
        if reply.is_success:
            yield (
                f"Look for messageId `{identify.id}` in the source's Debugger, within a minute. If "
                "it is not there, the key or the region is wrong, despite the successful response. "
                "If it is, check that its context has `active: false`."
            )

    def _post(self, address: str, *messages: bytes, compress: bool = False) -> _Reply:
        api = SegmentApi(self.write_key, address, self.now)
        url = with_scheme(api.endpoints[0].url)
        body = api.body(messages)
        headers = {"Content-Type": "application/json"}
        if compress:
            body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        try:
            with session_to(url) as session:
                response = session.post(
                    url,
                    data=body,
                    headers=headers,
                    auth=HeaderAuth(api.headers),
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
        except (requests.RequestException, ValueError) as error:
            reason = no_answer_reason(error, TIMEOUT_SECONDS)
            return _Reply(f"no response ({reason})", {})
        found = _json(response.content)
        text = ", ".join([str(response.status_code), *_described(found, response.content)])
        return _Reply(text, response.headers, api.accepts(response.content))


def _described(found: object, content: bytes) -> Iterator[str]:
    """Describe a body, without anything that could be personal data."""
    if not isinstance(found, dict):
        yield "not a JSON object" if content else "an empty body"
        return
    if isinstance(found.get("success"), bool):
        yield f"success: {str(found['success']).lower()}"
    code = found.get("code")
    if isinstance(code, str) and _CODE.fullmatch(code):
        yield f"code: {code}"
    others = len(found.keys() - {"success", "code"})
    if others:
        yield f"{others} other member{'s' if others > 1 else ''}"


def _json(content: bytes) -> Any:  # noqa: ANN401, JSON
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _member(value: object, name: str) -> Any:  # noqa: ANN401, JSON
    return value.get(name) if isinstance(value, dict) else None


def default_cdn(address: str, configured: str | None) -> str | None:
    """Return the base URL for looking up write keys; only Segment itself has one by default."""
    if configured:
        return versioned(configured)
    return versioned(CDN) if region_of(address) else None
