"""`ListStream`: a list that is read completely in each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_moesif.service import Request, read_list
from tap_moesif.streams.base.stream import MoesifStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from tap_moesif.records import Record


class ListStream(MoesifStream):
    """A list that is read completely in each run.

    Attributes:
        path: Path below the API's base URL.
        list_name: Name of the list, if the response is an object.
        variants: Query string parameters of each request for the list.
    """

    path: ClassVar[str]
    list_name: ClassVar[str]
    variants: ClassVar[tuple[dict[str, str], ...]] = ({},)

    @override
    def probe_request(self) -> Request:
        return Request(self.path, self.required, params=self.variants[0])

    @override
    def read(self) -> Iterator[list[Record]]:
        moesif = self._tap.moesif
        requests = [Request(self.path, self.required, params=params) for params in self.variants]
        lists = [moesif.submit(moesif.fetch, request, self._read) for request in requests]
        for fetched in lists:
            yield self.with_id([*map(self.make, fetched.result().value)])

    def _read(self, content: Buffer) -> list[Any]:
        return read_list(content, self.path, self.list_name)
