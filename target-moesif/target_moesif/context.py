"""Optional values in a call's context and traits; other types are ignored; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_delivery.values import NULL, as_id, as_object, decode

if TYPE_CHECKING:
    from target_moesif.documents import Record

CAMPAIGN = {
    "name": "utm_campaign",
    "source": "utm_source",
    "medium": "utm_medium",
    "term": "utm_term",
    "content": "utm_content",
    "gclid": "gclid",
}
DOMAIN_TRAITS = ("company_domain", "companyDomain", "domain", "website")


def string(within: object, name: str) -> str | None:
    """Return a non-empty string, or None for anything else."""
    value = within.get(name) if isinstance(within, dict) else None
    return value if isinstance(value, str) and value else None


def id_or_none(value: object) -> str | None:
    """Return an id, or None for a value that is not one."""
    value = as_id(value)
    return value if isinstance(value, str) and value else None


def company_of(traits: Record) -> str | None:
    """Return `company.id`, or `company_id`, the column of a warehouse."""
    company = as_object(traits.get("company", NULL)) or {}
    for raw in (company.get("id"), traits.get("company_id")):
        if raw is not None and (company_id := id_or_none(raw)) is not None:
            return company_id
    return None


def campaign_of(context: dict[str, Any]) -> dict[str, str] | None:
    """Return the campaign of a context, with the referrer, in Moesif's names."""
    parameters = context.get("campaign")
    campaign = {
        utm: value
        for name, utm in CAMPAIGN.items()
        if (value := string(parameters, name)) is not None
    }
    referrer = string(context.get("page"), "referrer") or string(context.get("referrer"), "url")
    if referrer is not None:
        campaign["referrer"] = referrer
        if (host := _host_of(referrer)) is not None:
            campaign["referring_domain"] = host
    return campaign or None


def domain_of(traits: Record) -> str | None:
    """Return the domain in traits, as a host name."""
    for name in DOMAIN_TRAITS:
        value = decode(traits.get(name, NULL))
        if isinstance(value, str) and (host := _host_of(value)) is not None:
            return host
    return None


def _host_of(address: str) -> str | None:
    """Return the host name of a URL, with or without a scheme."""
    address = address.strip()
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None
    return host if host and "." in host and not any(map(str.isspace, host)) else None
