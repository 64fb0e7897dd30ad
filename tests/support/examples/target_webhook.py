import msgspec
from singer_sdk import typing as th

from singer_delivery import (
    DeliveryTarget,
    Encode,
    InputStream,
    Message,
    Record,
    RecordRejected,
    Service,
    delivery_settings,
)


class Webhook(Service):
    """A service that answers `ok` to a JSON array of records."""

    def accepts(self, content: bytes) -> bool:
        return content == b"ok"


class TargetWebhook(DeliveryTarget):
    """Posts records to a webhook."""

    name = "target-webhook"
    addresses = ("url",)
    config_jsonschema = th.PropertiesList(
        th.Property("url", th.StringType, required=True, description="Where records go."),
        th.Property("token", th.StringType, required=True, secret=True, description="The key."),
        *delivery_settings(rows=1000, size=1_000_000),
    ).to_dict()

    def service(self) -> Service:
        headers = {"Authorization": f"Bearer {self.config['token']}"}
        return Webhook(self.config["url"], headers=headers)

    def encoder(self, stream: InputStream) -> Encode:
        def encode(record: Record, time_extracted: str | None) -> list[Message]:
            if not record.keys() >= {*stream.key_properties}:
                raise RecordRejected("no_key", "The record lacks a key property of its stream.")
            key = str([bytes(record[name]) for name in stream.key_properties])
            return [Message(key=key, body=msgspec.json.encode(record))]

        return encode


if __name__ == "__main__":
    TargetWebhook.cli()
