"""The Management API's lists without paging; to add one, add an entry to `LISTINGS`.

Paths, scopes and fields are from Moesif's OpenAPI file; the items are made up.
"""

from collections.abc import Sequence
from typing import NamedTuple

from moesif_sandbox.moesif.search import Json

OWNED: Json = {"org_id": "177:3", "app_id": "198:3"}
_MADE, _CHANGED = "2026-01-05T09:30:00.000Z", "2026-02-16T14:05:12.480Z"
_OK = 200
_TIMES: Json = {"created_at": _MADE, "updated_at": _CHANGED}


class Listing(NamedTuple):
    """One list."""

    name: str  # its name in `/sandbox/documents`
    path: str  # path after the organisation
    scopes: Sequence[str]  # required scopes
    items: Sequence[Json]  # initial items
    required: str | None = None  # a required parameter that filters by the field of its name


LISTINGS = (
    Listing("cohorts", "cohorts", ["read:cohorts"], [
        {**OWNED, "_id": f"cohort_{kind}_{number}", "cohort_name": name, "cohort_type": kind,
         "criteria": "{}", "created_at": _MADE, "modified_at": _CHANGED, "time_zone": "UTC"}
        for kind in ("user", "company")
        for number, name in enumerate(("Power users", "At risk", "Trial éndet"))
    ], required="cohort_type"),
    Listing("governance_rules", "governance/rules", ["read:governance_rules"], [
        {**OWNED, "_id": f"rule_{number}", "name": name, "type": kind, "state": 2, "block": block,
         "priority": number, "applied_to": "matching", "applied_to_unidentified": False,
         "cohorts": [{"id": "cohort_company_1"}], "created_at": _MADE,
         "variables": [{"name": "quota", "path": "company.metadata.quota"}],
         "response": {"status": 429, "headers": {"X-Quota": "{{quota}}"}, "body": {"error": name}}}
        for number, (name, kind, block) in enumerate((
            ("Block unpaid accounts", "company", True), ("Warn near the quota", "user", False)))
    ]),
    Listing("billing_meters", "billing/meters", ["read:billing_meters"], [
        {**OWNED, "_id": f"meter_{number}", "name": name, "slug": name.lower().replace(" ", "-"),
         "status": "active", "es_query": '{"bool":{}}', "url_query": "", "created_at": _MADE,
         "modified_at": _CHANGED, "billing_plan": {"provider_slug": "stripe", "friendly_name": name,
                                                   "params": {"product": {"id": "prod_growth"}}}}
        for number, name in enumerate(("API calls", "Payments made", "Data exported"))
    ]),
    Listing("billing_reports", "billing/reports", ["read:billing_meters", "read:billing_reports"], [
        {**OWNED, **_TIMES, "_id": f"report_{day}", "billing_meter_id": f"meter_{day % 2}",
         "provider": "stripe", "company_id": f"company_{day:05d}", "currency": "USD",
         "subscription_id": f"sub_{day:05d}_0", "meter_metric": 120 * day, "meter_usage": 120 * day,
         "report_total_usage": 1_000 * day, "amount": 1.2 * day, "success": status == _OK,
         "usage_start_time": f"2026-02-{day:02d}T00:00:00.000Z",
         "usage_end_time": f"2026-02-{day + 1:02d}T00:00:00.000Z",
         "provider_requests": [{"job_id": f"job_{day}", "request_time": _CHANGED, "error_code": "",
                                "success": status == _OK, "status_code": status,
                                "error_message": ""}]}
        for day, status in enumerate((200, 200, 200, 402, 200, 200), 1)
    ]),
    Listing("billing_plans", "billing/catalog/plans", ["read:plans"], [
        {**_TIMES, "id": f"prod_{name}", "name": name.title(), "description": f"The {name} plan",
         "provider": "stripe", "status": "active", "unit": "API call", "metadata": {"tier": name},
         "prices": [{"id": f"price_prod_{name}", "plan_id": f"prod_{name}", "currency": "USD",
                     "pricing_model": "per_unit", "price_in_decimal": f"0.00{number}", "period": 1,
                     "period_units": "M", "status": "active"}]}
        for number, name in enumerate(("free", "starter", "growth", "enterprise"))
    ]),
)  # fmt: skip
