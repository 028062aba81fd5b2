"""Kinds of channels that are configured by one URL which is a secret as a whole: who knows it can post. Pure.

Of such a URL a definition has the origin as `url` and all of it, encrypted for that origin, as `secret`. So the APIs,
the audit trail and the log tell the server, and nobody reads the rest again.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from schemas.channels.kind import InvalidChannelField, Stored
from schemas.channels.messages import MessageKind
from schemas.channels.urls import ServerShown, Url, http_url, written_http_url
from schemas.notices import TEAM_NOTICES


class Config(msgspec.Struct):
    url: Url | UnsetType = UNSET


class Shown(msgspec.Struct):
    server: ServerShown


class SecretUrlKind(MessageKind):
    """The base of these kinds, all of them chats. example: of a URL."""

    notices = TEAM_NOTICES
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    stored = frozenset({"url", "secret"})
    url_field, secret_field = "url", "url"
    secret_needed = True
    example: ClassVar[str]

    def misfit(self, url: str) -> bool:
        """Whether this http URL is none that the service gives."""
        return False

    def validate(self, given: Mapping[str, Any], current: Stored | None) -> dict[str, Any]:
        if "url" not in given and current is not None:
            return {}
        url = given.get("url", "")
        if not url or self.misfit(http_url("url", url)):
            raise InvalidChannelField("url", f"must be the whole URL that {self.service} gives, such as {self.example}")
        parts = urlsplit(url)
        return {"url": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", "secret": url}

    def problem(self, channel: Stored) -> str:
        try:
            written_http_url("url", channel.url)
        except InvalidChannelField as invalid:
            return f"{self.title} whose {invalid}"
        return "" if channel.secret else f"{self.title} without its URL, which is its secret"

    def show_config(self, channel: Stored) -> Shown:
        return Shown(channel.url)

    def show_form(self, channel: Stored) -> Shown:
        return Shown(channel.url)

    def of_target(self, target: str) -> dict[str, Any]:
        return {"url": target}

    def target(self, shown: Mapping[str, Any]) -> str:
        return f"{shown['server']}/…"
