"""Errors of the service."""

from __future__ import annotations

from singer_delivery.errors.base import ServiceError


class SenderRefusedError(ServiceError):
    """The service refuses the key, the account or the address, not a record."""

    sentence = (
        "{host} refuses this sender: {answer}.{why} Nothing was rejected. Check {settings}, and "
        "run again."
    )
    advice = (
        "HTTP 401 or 403: the key is wrong. HTTP 402: the plan is not active. Any other answer: "
        "the address may not be that of the service."
    )


class LongWaitError(ServiceError):
    """The service requests a longer wait than the settings allow."""

    sentence = (
        "{host} requests a wait of {requested:.0f} s ({answer}), longer than retry_max_seconds "
        "({seconds:g}). Run again later, or raise retry_max_seconds."
    )
    advice = "Run again after that time. State is kept."


class ManyWaitsError(ServiceError):
    """The service has requested too many waits."""

    sentence = (
        "{host} has requested one wait after another, {seconds:g} s in total, in {attempts} "
        "({answer}). State is kept. Run again later."
    )
    advice = (
        "The service is overloaded, or a proxy always answers this way. A smaller "
        "`max_requests_per_second` or fewer `lanes` may help."
    )


class NoDeliveryError(ServiceError):
    """All attempts to deliver a batch have failed."""

    sentence = (
        "No delivery to {host} for {seconds:g} s ({limit}), in {attempts}: {answer}. State is "
        "kept. Check {settings}, and whether this machine can reach that host, or run again later."
    )
    advice = (
        "`name or service not known`: check the DNS. `connection refused`: check the address and "
        "the firewall. `TLS`: add the certificate to `REQUESTS_CA_BUNDLE`. No answer in time: set "
        "a larger `request_timeout_seconds` or a smaller `batch_max_bytes`."
    )


class AllRefusedError(ServiceError):
    """The service refuses one record after another with the same answer."""

    sentence = (
        "{what} refused with the same answer ({answer}), so the cause is probably the "
        "configuration and not the records. They are in the rejects file with that answer. "
        "Correct the cause and {then} if all of them are bad."
    )
    advice = "The answer in the rejects file names the cause."
