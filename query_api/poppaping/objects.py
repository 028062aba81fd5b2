"""Answers that several kinds of objects share."""

from typing import Annotated

from msgspec import Meta, Struct

from query_api.http.field_types import Time, Uuid


class Deleted(Struct):
    """What was deleted."""

    id: Uuid
    deleted: bool = True


class RotatedWebhookSecret(Struct):
    """A new secret that signs webhooks."""

    secret: Annotated[str, Meta(description="The new secret, which is shown only once.")]
    former_until: Annotated[
        Time | None, Meta(description="End of the overlap, during which the old secret also signs; null: no overlap.")
    ]
