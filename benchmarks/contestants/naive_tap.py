"""A tap as singer-sdk's documentation shows it: a `RESTStream` with a paginator.

The mapping of fields is the bare script's, in `post_process`; the schema is tap-moesif's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.contestants.bare_tap import PATH, SEARCH, user
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import BaseAPIPaginator
from typing_extensions import override

from tap_moesif.records import json_schema
from tap_moesif.streams.users import Users

if TYPE_CHECKING:
    import requests
    from singer_sdk.helpers.types import Context, Record

    Sort = list[Any]


class SearchAfter(BaseAPIPaginator["Sort | None"]):
    """Continues after the last hit of a page."""

    @override
    def get_next(self, response: requests.Response) -> Sort | None:
        hits = response.json()["hits"]["hits"]
        return hits[-1]["sort"] if hits else None


class UsersStream(RESTStream["Sort | None"]):
    """Moesif's users."""

    name = "users"
    path = PATH
    http_method = "POST"
    records_jsonpath = "$.hits.hits[*]._source"
    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    replication_key = "modifiedTime"
    is_sorted = True
    schema: ClassVar[dict[str, Any]] = json_schema(Users.fields)

    @property
    @override
    def url_base(self) -> str:
        url: str = self.config["api_url"]
        return url

    @property
    @override
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(token=self.config["management_api_key"])

    @override
    def get_new_paginator(self) -> SearchAfter:
        return SearchAfter(None)

    @override
    def prepare_request_payload(
        self, context: Context | None, next_page_token: Sort | None
    ) -> dict[str, Any]:
        return {**SEARCH, "search_after": next_page_token} if next_page_token else SEARCH

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record:
        return user(row)


class NaiveTap(Tap):
    """Reads users from Moesif."""

    name = "naive-tap"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("management_api_key", th.StringType(), required=True, secret=True),
        th.Property("api_url", th.StringType(), required=True),
    ).to_dict()

    @override
    def discover_streams(self) -> list[UsersStream]:
        return [UsersStream(self)]


if __name__ == "__main__":
    NaiveTap.cli()
