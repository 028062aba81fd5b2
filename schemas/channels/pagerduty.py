"""PagerDuty: an alert of a service, opened, acknowledged and resolved by what it is about
(https://developer.pagerduty.com/docs/events-api-v2/overview/).

The key of an alert (`dedup_key`) is made of ids of the log: whoever sends the end of an incident, and however late,
names the alert that its beginning opened. Pure.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.accounts import AccountKind, Name
from schemas.channels.kind import ALERTS, Stored
from schemas.channels.messages import Answer, Fault, Message, Request, Tone, cut, encoded
from schemas.channels.urls import Server, ServerShown
from schemas.notices import TEAM_NOTICES

_KEY, _SUMMARY = 255, 1_024
_SEVERITIES: Mapping[Tone, str] = {"bad": "critical", "warn": "warning", "good": "info"}


class Config(msgspec.Struct):
    server: Server | UnsetType = UNSET
    routing_key: (
        Annotated[str, Meta(max_length=100, description="The integration key of a service: Events API v2.")] | UnsetType
    ) = UNSET


class Shown(msgspec.Struct):
    server: ServerShown


class PagerDuty(AccountKind):
    name, title, service, listed_as = "pagerduty", "a service of PagerDuty", "PagerDuty", "pd"
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    stored = frozenset({"url", "secret"})
    server = "https://events.pagerduty.com"
    secret_field = "routing_key"
    secret = Name(r"[A-Za-z0-9]{32}", "the integration key of a service (Events API v2): 32 letters and digits")
    target_help = "the integration key of a service of PagerDuty"
    longest = 500_000
    takes = ALERTS
    keeps_alerts = True
    notices = TEAM_NOTICES
    faults: ClassVar[Mapping[str | int, Fault]] = {
        "routing key": Fault("the integration key is not, or no longer, valid; give one that is", "channel"),
        "invalid event": Fault("the event is not valid", "message"),
        400: Fault("the event is not valid, or there is no such integration key"),
        403: Fault("the integration key may not be used"),
        429: Fault("too many events"),
    }

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        content: dict[str, Any] = {
            "routing_key": secret,
            "event_action": message.action,
            "dedup_key": cut(message.key, _KEY),
        }
        if message.action != "resolve":  # who acknowledged it, and what they said, stands in the log of the alert
            content["payload"] = _payload(message)
        if message.action == "trigger":
            links = (message.tells("acknowledge_button"), message.acknowledge), (message.tells("open"), message.page)
            content |= {
                "client": "Pingfold",
                "client_url": message.page,
                "links": [{"href": url, "text": text} for text, url in links if url],
            }
        return Request(f"{channel.url}/v2/enqueue", encoded(content), {"Content-Type": "application/json"})

    def is_taken(self, answer: Answer) -> bool:
        return answer.json().get("status") == "success"

    def word(self, answer: Answer) -> str:
        found = answer.json()
        # `Invalid routing key`, `Length of 'routing_key' is incorrect`
        of_key = re.search("routing.key", str(found.get("errors", "")))
        return "routing key" if of_key and answer.status in (400, 403) else str(found.get("status", ""))


def _payload(message: Message) -> dict[str, Any]:
    details: dict[str, Any] = {row.label: row.value for row in message.rows}
    details |= {block.title: "\n".join(block.lines) for block in message.blocks}
    if message.own:
        details[message.tells("text")] = "\n".join(message.own)
    if message.test:
        details[message.tells("test_label")] = message.tells("test")
    return {
        "summary": cut(
            f"{message.says}: {message.cause}" if message.cause and not message.own else message.says, _SUMMARY
        ),
        "source": message.name or "Pingfold",
        "severity": "info" if message.test else _SEVERITIES[message.tone],
        "timestamp": message.at,
        "class": message.notice,
        "custom_details": details,
    }


KIND = PagerDuty()
