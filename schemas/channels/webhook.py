"""Webhooks: a signed POST of the whole notice. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.kind import ChannelKind, Stored
from schemas.channels.urls import Url, http_url


class Config(msgspec.Struct):
    url: Url | UnsetType = UNSET
    secret: (
        Annotated[str, Meta(min_length=8, max_length=200, description="Signs them; null: the project's does.")]
        | UnsetType
        | None
    ) = UNSET


class Shown(msgspec.Struct):
    url: Annotated[str, Meta(description="Of a webhook.")]


class Webhook(ChannelKind):
    name, title = "webhook", "a webhook"
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    stored = frozenset({"url", "secret"})
    url_field, secret_field = "url", "secret"
    signs = True
    read_by_people = False
    # Programs count on one event for each thing that happens.
    digest = False
    target_help = "the URL of a webhook"

    def validate(self, given: Mapping[str, Any], current: Stored | None) -> dict[str, Any]:
        fields = {name: given[name] for name in ("url", "secret") if name in given}
        if current is None:
            fields.setdefault("url", "")
        if "url" in fields:
            http_url("url", fields["url"])
        return fields

    def show_config(self, channel: Stored) -> Shown:
        return Shown(channel.url)

    def show_form(self, channel: Stored) -> Shown:
        return Shown(channel.url)

    def of_target(self, target: str) -> dict[str, Any]:
        return {"url": target}

    def target(self, shown: Mapping[str, Any]) -> str:
        return str(shown["url"])


KIND = Webhook()
