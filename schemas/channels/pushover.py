"""Pushover: a message pushed to the devices of a person or a group (https://pushover.net/api). Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.accounts import AccountKind, Name
from schemas.channels.kind import Stored
from schemas.channels.messages import (
    Answer,
    Fault,
    Message,
    Request,
    Tone,
    cut,
    encoded,
    plain,
    units,
)
from schemas.channels.urls import Server, ServerShown

_TITLE, _TEXT, _LINK = 250, 1_024, 512
# High priority is told in quiet hours, too.
_PRIORITIES: Mapping[Tone, int] = {"bad": 1, "warn": 0, "good": 0}
# What its errors begin with, by the field that they are about.
_FIELDS = ("application token", "user", "device", "message", "priority", "url", "title", "sound")
_KEY = r"[A-Za-z0-9]{30}"


class Config(msgspec.Struct):
    server: Server | UnsetType = UNSET
    app_token: (
        Annotated[str, Meta(max_length=100, description="The API token of an application at Pushover.")] | UnsetType
    ) = UNSET
    user_key: Annotated[str, Meta(max_length=100, description="The key of a person or a group.")] | UnsetType = UNSET
    device: (
        Annotated[str, Meta(max_length=300, description="Names of devices, with commas; empty: all.")] | UnsetType
    ) = UNSET


class Shown(msgspec.Struct):
    server: ServerShown
    user_key: Annotated[str, Meta(description="The key of the person or group.")]
    device: Annotated[str, Meta(description="The devices; empty: all.")]


class Pushover(AccountKind):
    name, title, service, listed_as = "pushover", "a Pushover channel", "Pushover", "po"
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    server = "https://api.pushover.net"
    secret_field = "app_token"
    secret = Name(_KEY, "the API token of an application at Pushover: 30 letters and digits")
    names: ClassVar[Mapping[str, Name]] = {
        "user_key": Name(_KEY, "the key of a person or a group at Pushover: 30 letters and digits"),
        "device": Name(r"[\w-]{1,25}(,[\w-]{1,25})*", "names of devices, with commas between", needed=False),
    }
    target_help = "the user key of Pushover, with the application's token as --secret"
    faults: ClassVar[Mapping[str | int, Fault]] = {
        "application token": Fault("the token of the application is not valid; give one that is", "channel"),
        "user": Fault(
            "the key of the person or group is not valid, or has no device; give one that is, or add a device",
            "channel",
        ),
        "device": Fault("there is no such device; give one that is there, or none", "channel"),
        **{field: Fault("the message is not valid", "message") for field in _FIELDS[3:]},
        429: Fault("the messages of the application for this month are used up"),
    }

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        # There is one link beside the text: the one by which people act comes first.
        title, url = (
            (message.tells("acknowledge_button"), message.acknowledge)
            if message.acknowledge
            else (message.tells("open"), message.page)
        )
        linked = 0 < units(url) <= _LINK
        rest = message
        if linked:
            rest = message._replace(acknowledge="") if message.acknowledge else message._replace(page="")
        content: dict[str, Any] = {
            "token": secret,
            "user": str(channel.options["user_key"]),
            "device": str(channel.options.get("device", "")),
            "title": cut(message.says, _TITLE),
            # Without a text nothing is taken.
            "message": plain(rest, _TEXT) or message.says,
            "url": url if linked else "",
            "url_title": title if linked else "",
            "priority": _PRIORITIES[message.tone],
        }
        return Request(f"{channel.url}/1/messages.json", encoded(content), {"Content-Type": "application/json"})

    def is_taken(self, answer: Answer) -> bool:
        return answer.json().get("status") == 1

    def word(self, answer: Answer) -> str:
        errors = answer.json().get("errors")
        first = str(errors[0]) if isinstance(errors, list) and errors else ""
        return next((field for field in _FIELDS if first.startswith(field)), "") if answer.status == 400 else ""


KIND = Pushover()
