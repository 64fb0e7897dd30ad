"""`--first-contact`: what no document says of Segment's API, asked with a real write key.

Nothing is sent but empty batches, and with `--send` one identify call. The report holds statuses,
types and yes or no, so that it can be pasted into an issue.
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
    """What was answered, or why there was no answer."""

    text: str
    headers: Mapping[str, str]
    is_success: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """Asks Segment everything.

    Attributes:
        write_key: The write key of the source.
        address: Where the API is, ending in `/v1`.
        cdn: Where write keys are looked up, ending in `/v1`; None if there is no such service.
        now: Returns the current time as ISO 8601.
    """

    write_key: str
    address: str
    cdn: str | None
    now: Callable[[], str]

    def report(self, version: str, identify: Message | None) -> str:
        """Ask everything; return the report, in Markdown.

        Args:
            version: This target's.
            identify: A call to send, if one is to be sent.
        """
        rows = [*self._rows()]
        lines = [f"# First contact of target-segment {version} with Segment, {self.now()[:10]}", ""]
        lines += ["| question | answer |", "| --- | --- |"]
        lines += [f"| {question} | {answer} |" for question, answer in rows]
        if identify is not None:
            lines += ["", *self._sent(identify)]
        lines += ["", "This holds no key and nothing of a call.", ""]
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "Does the CDN know the key?", self._key() if self.cdn else "not asked: host is set"
        empty = self._post(self.address)
        yield "What does an empty batch lead to?", empty.text
        packed = self._post(self.address, compress=True)
        yield "And one that is compressed with gzip?", packed.text
        home = region_of(self.address)
        for region, host in HOSTS.items():
            if home and region != home:
                text = self._post(versioned(host)).text
                yield f"What does the other region, {region}, answer to it?", text
        named = [name for name in LIMIT_HEADERS if name in empty.headers]
        yield "Which headers about limits has an answer?", ", ".join(named) or "none"
        yield "Does an answer have a Date?", "yes" if "Date" in empty.headers else "no"

    def _key(self) -> str:
        url = f"{self.cdn}/projects/{quote(self.write_key, safe='')}/settings"
        try:
            answer = get(url, seconds=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            return f"no answer ({no_answer_reason(error, TIMEOUT_SECONDS)})"
        if answer.status != HTTPStatus.OK:
            return f"no: {answer.status}"
        settings = _json(answer.content)
        own = _member(_member(settings, "integrations"), "Segment.io")
        if not isinstance(own, dict):
            return "yes; its settings do not tell the region"
        told = "with apiHost" if "apiHost" in own else "without apiHost"
        return f"yes, {told}; region {region_in(settings) or 'unknown'}"

    def _sent(self, identify: Message) -> Iterator[str]:
        reply = self._post(self.address, identify.body)
        yield "## One identify"
        yield ""
        yield f"It was answered {reply.text}."
        if reply.is_success:
            yield (
                f"Look for messageId `{identify.id}` in the source's Debugger, within a minute. If "
                "it is not there, the key or the region is wrong although the answer says success. "
                "If it is, look whether its context has `active: false`."
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
            return _Reply(f"no answer ({reason})", {})
        answer = _json(response.content)
        text = ", ".join([str(response.status_code), *_said(answer, response.content)])
        return _Reply(text, response.headers, api.accepts(response.content))


def _said(answer: object, content: bytes) -> Iterator[str]:
    """Tell what an answer says, without what could be personal data."""
    if not isinstance(answer, dict):
        yield "no JSON object" if content else "an empty body"
        return
    if isinstance(answer.get("success"), bool):
        yield f"success: {str(answer['success']).lower()}"
    code = answer.get("code")
    if isinstance(code, str) and _CODE.fullmatch(code):
        yield f"code: {code}"
    others = len(answer.keys() - {"success", "code"})
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
    """Return the address that knows write keys, which is Segment's own only."""
    if configured:
        return versioned(configured)
    return versioned(CDN) if region_of(address) else None
