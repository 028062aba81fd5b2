"""Opsgenie: an alert, opened, acknowledged and closed by what it is about (https://docs.opsgenie.com/docs/alert-api).

The alias of an alert is made of ids of the log: whoever sends the end of an incident, and however late, names the alert
that its beginning opened. Accounts in the EU have the server `https://api.eu.opsgenie.com`. Pure.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.accounts import AccountKind, Name
from schemas.channels.kind import ALERTS, Stored
from schemas.channels.messages import Answer, Fault, Message, Request, Tone, cut, encoded, plain
from schemas.channels.urls import Server, ServerShown
from schemas.notices import TEAM_NOTICES

_TITLE, _TEXT, _ALIAS, _ENTITY, _DETAIL, _USER = 130, 15_000, 512, 512, 1_000, 100
_PRIORITIES: Mapping[Tone, str] = {"bad": "P1", "warn": "P3", "good": "P5"}
_PATHS = {"acknowledge": "acknowledge", "resolve": "close"}


class Config(msgspec.Struct):
    server: Server | UnsetType = UNSET
    genie_key: (
        Annotated[str, Meta(max_length=100, description="The key of an API integration of Opsgenie.")] | UnsetType
    ) = UNSET


class Shown(msgspec.Struct):
    server: ServerShown


class Opsgenie(AccountKind):
    name, title, service = "opsgenie", "an integration of Opsgenie", "Opsgenie"
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    stored = frozenset({"url", "secret"})
    server = "https://api.opsgenie.com"
    secret_field = "genie_key"
    secret = Name(
        r"[A-Za-z0-9-]{20,80}", "the key of an API integration, such as eb243592-faa2-4ba2-a551-q1afdf565c889"
    )
    target_help = "the key of an API integration of Opsgenie"
    takes = ALERTS
    keeps_alerts = True
    notices = TEAM_NOTICES
    faults: ClassVar[Mapping[str | int, Fault]] = {
        "Could not authenticate": Fault("the key is not, or no longer, valid; give one that is", "channel"),
        "Key format is not valid": Fault("the key is no key of Opsgenie; give one of an API integration", "channel"),
        "use an API key from an API integration": Fault(
            "the key is not of an API integration, or the account is in the EU: give such a key, or the server "
            "https://api.eu.opsgenie.com",
            "channel",
        ),
        401: Fault("the key is not, or no longer, valid"),
        403: Fault("the key is not of an API integration, or may not make alerts; is the account in the EU?"),
        422: Fault("the alert is not valid, or the key is not"),
        429: Fault("too many alerts"),
    }

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        alias, headers = cut(message.key, _ALIAS), {"Authorization": f"GenieKey {secret}"}
        path = f"{channel.url}/v2/alerts"
        if message.action in _PATHS:
            path = f"{path}/{quote(alias, safe='')}/{_PATHS[message.action]}?identifierType=alias"
            note = cut(f"{message.says}\n{plain(message, _TEXT)}", _TEXT)
            content: dict[str, Any] = {"source": "Pingfold", "user": cut(message.by, _USER), "note": note}
        else:
            content = {
                "message": cut(message.says, _TITLE),
                "alias": alias,
                "description": plain(message, _TEXT),
                "details": {row.label: cut(row.value, _DETAIL) for row in message.rows},
                "entity": cut(message.name, _ENTITY),
                "source": "Pingfold",
                "tags": ["pingfold", message.notice],
                "priority": "P5" if message.test else _PRIORITIES[message.tone],
            }
        return Request(path, encoded(content), headers | {"Content-Type": "application/json"})

    def is_taken(self, answer: Answer) -> bool:
        return bool(answer.json().get("requestId"))

    def word(self, answer: Answer) -> str:
        found = answer.json()
        said = str(found.get("message", "")) if found.get("requestId") else ""
        return next((word for word in self.faults if isinstance(word, str) and word in said), "")


KIND = Opsgenie()
