"""ntfy: a short message, pushed to phones and browsers by a server of ntfy (https://docs.ntfy.sh/publish/). Pure."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.kind import ChannelKind, InvalidChannelField, Limits, Stored
from schemas.channels.urls import Server, ServerShown, bare_server, http_url, written_http_url

_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
# Paths that ntfy's server has for itself.
_RESERVED = frozenset({"docs", "static", "file", "app", "metrics", "account", "settings", "signup", "login", "v1"})


class Config(msgspec.Struct):
    server: Server | UnsetType = UNSET
    topic: (
        Annotated[str, Meta(max_length=64, description="Letters, digits, `_` and `-`. Who knows it can read along.")]
        | UnsetType
    ) = UNSET
    token: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=200,
                pattern=r"^[!-~]+\Z",
                description="An access token, for topics that need one; null: none. Bound to the server.",
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class Shown(msgspec.Struct):
    server: ServerShown
    topic: Annotated[str, Meta(description="Of ntfy.")]
    has_token: Annotated[bool, Meta(description="Of ntfy: an access token is sent.")]


class Ntfy(ChannelKind):
    name, title = "ntfy", "an ntfy topic"
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    stored = frozenset({"url", "secret", "options"})
    url_field, secret_field = "server", "token"
    # ntfy takes a body of more than 4,096 bytes for a file.
    limits = Limits(text=4_000)
    target_help = "the URL of an ntfy topic"

    def validate(self, given: Mapping[str, Any], current: Stored | None) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if "server" in given or current is None:
            fields["url"] = bare_server(http_url("server", given.get("server", "")))
        if "topic" in given or current is None:
            fields["options"] = {"topic": _topic(given.get("topic", ""))}
        if "token" in given:
            fields["secret"] = given["token"]
        return fields

    def is_private(self, channel: Stored) -> bool:
        # Who knows the name of a topic can read it, unless it needs a token.
        return bool(channel.secret)

    def problem(self, channel: Stored) -> str:
        try:
            bare_server(written_http_url("server", channel.url))
            _topic(channel.options.get("topic", ""))
        except InvalidChannelField as invalid:
            return f"an ntfy channel whose {invalid}"
        return ""

    def show_config(self, channel: Stored) -> Shown:
        return Shown(channel.url, str(channel.options["topic"]), bool(channel.secret))

    def show_form(self, channel: Stored) -> Shown:
        return self.show_config(channel)

    def of_target(self, target: str) -> dict[str, Any]:
        server, _, topic = target.rpartition("/")
        return {"server": server, "topic": topic}

    def target(self, shown: Mapping[str, Any]) -> str:
        return f"{shown['server']}/{shown['topic']}"


def _topic(topic: object) -> str:
    if not isinstance(topic, str) or not _TOPIC.fullmatch(topic):
        raise InvalidChannelField("topic", "must be 1 to 64 letters, digits, underscores and hyphens")
    if topic in _RESERVED:
        raise InvalidChannelField("topic", f"must not be {topic}, which is a page of ntfy's")
    return topic


KIND = Ntfy()
