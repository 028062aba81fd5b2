"""Kinds of channels that are configured by a secret and some names, at a server that is the service's own by default.

Another server is one that somebody runs, or the service's in another part of the world. The secret is bound to the
origin of the server. Names stand in `options`. Pure.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import msgspec

from schemas.channels.kind import InvalidChannelField, Stored
from schemas.channels.messages import MessageKind
from schemas.channels.urls import bare_server, http_url, written_http_url


class Name(NamedTuple):
    """What a field may hold. words: what it must be, for people. needed: a channel cannot be without."""

    pattern: str
    words: str
    needed: bool = True

    def checked(self, field: str, value: object) -> str:
        """The value. Raises `InvalidChannelField`."""
        text = value.strip() if isinstance(value, str) else ""
        if (not text and not self.needed) or (text and re.fullmatch(self.pattern, text, re.ASCII)):
            return text
        raise InvalidChannelField(field, f"must be {self.words}")


class AccountKind(MessageKind):
    """The base of these kinds.

    server: by default; empty: it must be given. secret: what the field `secret_field` holds. names: the others, by the
    names that `config` has for them; `config_shown` has them, too, and `server`.
    """

    stored = frozenset({"url", "secret", "options"})
    url_field = "server"
    secret_needed = True
    server: ClassVar[str] = ""
    secret: ClassVar[Name]
    names: ClassVar[Mapping[str, Name]] = {}

    def validate(self, given: Mapping[str, Any], current: Stored | None) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if "server" in given or current is None:
            fields["url"] = bare_server(http_url("server", given.get("server") or self.server))
        if self.secret_field in given or current is None:
            fields["secret"] = self.secret.checked(self.secret_field, given.get(self.secret_field, ""))
        chosen = {
            field: name.checked(field, given.get(field, ""))
            for field, name in self.names.items()
            if field in given or current is None
        }
        if chosen:
            kept = {} if current is None else dict(current.options)
            fields["options"] = {field: value for field, value in (kept | chosen).items() if value}
        return fields

    def problem(self, channel: Stored) -> str:
        try:
            bare_server(written_http_url("server", channel.url))
            for field, name in self.names.items():
                name.checked(field, channel.options.get(field, ""))
        except InvalidChannelField as invalid:
            return f"{self.title} whose {invalid}"
        return "" if channel.secret else f"{self.title} without {self.secret_field}"

    def show_config(self, channel: Stored) -> msgspec.Struct:
        return self.config_shown(channel.url, **{field: str(channel.options.get(field, "")) for field in self.names})

    def show_form(self, channel: Stored) -> msgspec.Struct:
        return self.show_config(channel)

    def of_target(self, target: str) -> dict[str, Any]:
        """`NAME`, or `NAME@SERVER`."""
        name, at, server = target.rpartition("@http")
        first = next(iter(self.names), self.secret_field)
        return {first: name, "server": f"http{server}"} if at else {first: target}

    def target(self, shown: Mapping[str, Any]) -> str:
        first = next(iter(self.names), "")
        at = "" if shown["server"] == self.server else f"@{shown['server']}"
        return f"{shown[first]}{at}" if first else str(shown["server"])
