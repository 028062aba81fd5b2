"""Apprise: a short message to one of many services, which a URL names (https://appriseit.com/services/). Pure.

The whole URL is a secret: tokens stand in any part of it. It is stored encrypted; shown are the service, and the
host of those that people run themselves.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.apprise_services import OTHERS, READ_FILES, SERVICES, Service
from schemas.channels.kind import ChannelKind, InvalidChannelField, Stored

FIELD = "apprise_url"
_PARTS = re.compile(r"([a-z0-9]{1,32})://([^/?#]*)([^?]*)\??(.*)", re.IGNORECASE | re.ASCII | re.DOTALL)
# Host and port; what else stands there may be a secret, and is not shown.
_HOST = re.compile(r"(?:[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII)
_ADDRESS = re.compile(r"[a-z0-9]{1,32}://[a-z0-9_.:\[\]-]*", re.ASCII)


class Config(msgspec.Struct):
    apprise_url: (
        Annotated[
            str,
            Meta(
                max_length=2_000,
                description="The URL of a service as Apprise writes it, such as `gotifys://push.example.org/TOKEN`.",
            ),
        ]
        | UnsetType
    ) = UNSET


class Shown(msgspec.Struct):
    apprise_service: Annotated[str, Meta(description="Of Apprise: the name of the service.")]
    apprise_address: Annotated[
        str, Meta(description="Of Apprise: the beginning of its URL; the host only where people run such servers.")
    ]


class Apprise(ChannelKind):
    name, title = "apprise", "a service of Apprise"
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    stored = frozenset({"url", "secret"})
    url_field, secret_field = FIELD, FIELD
    by_library = True
    target_help = "an Apprise URL, such as gotifys://push.example.org/TOKEN"

    def validate(self, given: Mapping[str, Any], current: Stored | None) -> dict[str, Any]:
        if FIELD not in given and current is not None:
            return {}
        url: str = given.get(FIELD, "")
        return {"url": address_of(url), "secret": url}

    def is_private(self, channel: Stored) -> bool:
        # Who knows the name of a topic of ntfy can read it.
        return not channel.url.startswith(("ntfy://", "ntfys://"))

    def problem(self, channel: Stored) -> str:
        # Which services there are depends on the version of the library, so no fold asks for that.
        if not _ADDRESS.fullmatch(channel.url):
            return "an apprise channel whose url does not begin with the name of a service and ://"
        return "" if channel.secret else "an apprise channel without a secret, which is the URL of the service"

    def show_config(self, channel: Stored) -> Shown:
        return Shown(service_title(channel.url), channel.url)

    def show_form(self, channel: Stored) -> Shown:
        return self.show_config(channel)

    def redact(self, channel: Stored) -> str:
        return channel.url.partition("://")[2] or service_title(channel.url)

    def of_target(self, target: str) -> dict[str, Any]:
        return {FIELD: target}

    def target(self, shown: Mapping[str, Any]) -> str:
        return str(shown["apprise_address"])


KIND = Apprise()


def service_title(url: str) -> str:
    """What people call the service of a URL."""
    schema = url.partition("://")[0]
    service = SERVICES.get(schema)
    return schema if service is None else service.title


def address_of(url: str) -> str:
    """What may be shown of an Apprise URL: the schema, and host and port of a server of people's own.

    Raises `InvalidChannelField`, whose text tells nothing else of the URL, for what is no URL of a service that can be
    sent to.
    """
    if any(character < " " or character == "\x7f" for character in url):
        raise InvalidChannelField(FIELD, "must not hold control characters")
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise InvalidChannelField(FIELD, "must begin with the name of a service, such as gotifys://")
    schema = parts[1].lower()
    service = _service(schema)
    # A fragment is part of the path for Apprise (slack://.../#general).
    options = {name.lower() for name, _ in parse_qsl(parts[4], keep_blank_values=True)}
    if "template" in options and service.module in READ_FILES:
        raise InvalidChannelField(FIELD, "must not hold template=: no files are read here")
    return f"{schema}://{_shown_host(parts[2]) if service.has_host else ''}"


def _shown_host(authority: str) -> str:
    """Host and port, when nothing else can be meant."""
    host = authority.rpartition("@")[2].lower()
    try:
        valid = bool(_HOST.fullmatch(host)) and (urlsplit(f"//{host}").port or 1) > 0
    except ValueError:
        valid = False
    return host if valid else ""


def _service(schema: str) -> Service:
    service = SERVICES.get(schema)
    if service is not None:
        return service
    if schema in ("http", "https"):
        raise InvalidChannelField(
            FIELD, f"must begin with the name of a service, such as gotifys://; for {schema}:// there are webhooks"
        )
    if schema in OTHERS:
        raise InvalidChannelField(
            FIELD,
            f"must be of a service that is reached over HTTP with what is installed here, which {schema}:// is not",
        )
    raise InvalidChannelField(FIELD, f"must begin with the name of a service; Apprise knows no {schema}://")
