"""The stream `subscriptions`: read company by company, because Moesif has no list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_moesif.records import Field, Kind
from tap_moesif.service import NotFoundError, Request, Search, read_list
from tap_moesif.service.queries import everything
from tap_moesif.streams.base import STATE_EVERY_RECORDS, SearchStream
from tap_moesif.streams.common import APP, METADATA, REST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_moesif.records import Record
    from tap_moesif.service import Hit, Page
    from tap_moesif.sync import Scan

MODIFIED = "modifiedTime"
PATH = "/search/~/companies/{id}/subscriptions"


class Subscriptions(SearchStream):
    """The companies' subscriptions.

    Each run reads all companies, because `modified_time` of a company may not move with its
    subscriptions, and emits the subscriptions that have changed.
    """

    name = "subscriptions"
    scopes = ("read:companies",)
    contents = (
        "subscriptions modified since the last run; all companies are read, because Moesif has no "
        "list of subscriptions"
    )
    replication_key = MODIFIED
    times = (MODIFIED,)
    fields = (
        Field(
            "id",
            Kind.ID,
            "The subscription's unique id in Moesif.",
            ("subscription_id", "_id", "id"),
        ),
        Field(
            "companyId",
            Kind.REFERENCE,
            "The company's id.",
            ("company_id",),
            automatic=True,
        ),
        Field(
            "status",
            Kind.STRING,
            "active, cancelled, paused, trialing, pending, draft or future.",
            ("status",),
            automatic=True,
        ),
        Field("type", Kind.STRING, "The document's type in Moesif.", ("type",)),
        Field("startDate", Kind.TIME, "Start of the subscription.", ("start_date",)),
        Field("created", Kind.TIME, "When it was created.", ("created", "created_at")),
        Field("modifiedTime", Kind.TIME, "When it was last modified.", ("modified_time",)),
        Field("trialStart", Kind.TIME, "Start of the trial.", ("trial_start",)),
        Field("trialEnd", Kind.TIME, "End of the trial.", ("trial_end",)),
        Field(
            "currentPeriodStart",
            Kind.TIME,
            "Start of the billing period.",
            ("current_period_start",),
        ),
        Field("currentPeriodEnd", Kind.TIME, "End of the billing period.", ("current_period_end",)),
        Field("cancelTime", Kind.TIME, "When it was or will be cancelled.", ("cancel_time",)),
        Field("paymentStatus", Kind.STRING, "Status of the payment.", ("payment_status",)),
        Field(
            "collectionMethod", Kind.STRING, "How payments are collected.", ("collection_method",)
        ),
        Field("provider", Kind.STRING, "The billing provider, such as stripe.", ("provider",)),
        Field("externalId", Kind.STRING, "The id at the billing provider.", ("external_id",)),
        Field(
            "companyExternalId",
            Kind.STRING,
            "The company's id at the billing provider.",
            ("company_external_id",),
        ),
        Field("versionId", Kind.STRING, "Version of the subscription.", ("version_id",)),
        Field(
            "items",
            Kind.OBJECTS,
            "The subscribed items.",
            ("items",),
            (
                Field(
                    "subscriptionItemId",
                    Kind.STRING,
                    "The item's unique id.",
                    ("subscription_item_id",),
                ),
                Field("planId", Kind.STRING, "The plan's id.", ("plan_id",)),
                Field("priceId", Kind.STRING, "The price's id.", ("price_id",)),
                Field(
                    "itemPriceId",
                    Kind.STRING,
                    "The price's id, under another name of some billing providers.",
                    ("item_price_id",),
                ),
                Field("status", Kind.STRING, "The item's status, such as active.", ("status",)),
                Field("isMetered", Kind.BOOLEAN, "Whether usage is billed.", ("is_metered",)),
                Field(
                    "unitOfMeasure", Kind.STRING, "The unit that is billed.", ("unit_of_measure",)
                ),
                Field("createdAt", Kind.TIME, "When the item was created.", ("created_at",)),
                Field("plan", Kind.FREE, "The plan, unchanged.", ("plan",)),
                Field("price", Kind.FREE, "The price, unchanged.", ("price",)),
                REST,
            ),
        ),
        Field("metadata", Kind.FREE, "The account's own subscription metadata.", METADATA),
        *APP,
        REST,
    )

    @override
    def search(self, scan: Scan) -> Search:
        return Search(self.config["companies_path"], self.required, everything())

    @override
    def records_of(self, page: Page, scan: Scan, now: str) -> Iterator[tuple[int, list[Record]]]:
        read = 0
        records: list[Record] = []
        for subscriptions in [self._of(hit) for hit in page.hits]:
            found = [record for record in self.with_id(subscriptions()) if changed(record, scan)]
            if len(records) + len(found) > STATE_EVERY_RECORDS and read:
                yield read, records
                read, records = 0, []
            read += 1
            records += found
        if read:
            yield read, records

    def _of(self, hit: Hit) -> Callable[[], list[Record | None]]:
        """Return a function that returns a company's subscriptions; fetch them if needed."""
        source = hit.document()
        company: dict[str, Any] = source if isinstance(source, dict) else {}
        company_id = company.get("company_id") or hit.id
        included = company.get("subscriptions")
        if isinstance(included, list):
            return lambda: self._make_all(company_id, included)
        fetched = self._tap.moesif.submit(self._fetch, str(company_id))
        return lambda: self._make_all(company_id, fetched.result())

    def _make_all(self, company_id: object, found: list[Any]) -> list[Record | None]:
        return [
            self.make(
                {"company_id": company_id, **document} if isinstance(document, dict) else document
            )
            for document in found
        ]

    def _fetch(self, company_id: str) -> list[Any]:
        request = Request(PATH, self.required, id=company_id)
        try:
            return self._tap.moesif.fetch(
                request, lambda content: read_list(content, PATH, "subscriptions", within=True)
            ).value
        except NotFoundError:  # the company was deleted meanwhile, or has none
            return []


def changed(record: Record, scan: Scan) -> bool:
    """Return whether a subscription was modified in the time range of a scan."""
    time = record.get(MODIFIED)
    since = scan.since.get(MODIFIED)
    if not time:  # it may have changed
        return since is not None or scan.start is None
    return time >= (since or scan.start or "") and (scan.end is None or time < scan.end)
