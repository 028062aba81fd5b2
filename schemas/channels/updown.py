"""updown: an event as updown.io's Push API sends it, to receivers that were written for that. Pure.

Only the answer 200 is a success. Nothing is signed by need: receivers of updown.io know no secret. The headers of
Standard Webhooks come on top, by the secret of the channel or of its project.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import UNSET, UnsetType

from schemas.channels.kind import ChannelKind, InvalidChannelField, Stored
from schemas.channels.urls import Timezone, TimezoneShown, http_url
from schemas.channels.webhook import Config as WebhookConfig
from schemas.channels.webhook import Shown as WebhookShown
from schemas.notices import NOTICES, AnyNotice, Notice
from schemas.schedules import BadTimezone, canonical_tz

# What the Push API calls a notice. Of others it knows nothing.
EVENTS: Mapping[str, str] = {
    "monitor.down": "check.down",
    "monitor.still_down": "check.still_down",
    "monitor.recovered": "check.up",
    "monitor.ssl_invalid": "check.ssl_invalid",
    "monitor.ssl_valid": "check.ssl_valid",
    "monitor.ssl_expiration": "check.ssl_expiration",
    "monitor.ssl_renewed": "check.ssl_renewed",
    "monitor.performance_drop": "check.performance_drop",
}
# The check that tests are of.
SAMPLE_TOKEN = "xyz0"
# Those of them that a channel must ask for.
_UNASKED: frozenset[str] = frozenset({"monitor.still_down"})
_KNOWN: tuple[Notice, ...] = tuple(notice for notice in NOTICES if notice in EVENTS)


class Config(WebhookConfig):
    timezone: Timezone | UnsetType = UNSET


class Shown(WebhookShown):
    timezone: TimezoneShown


class Updown(ChannelKind):
    name, title = "updown", "a receiver of updown.io's events"
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    stored = frozenset({"url", "secret", "options"})
    url_field, secret_field = "url", "secret"
    signs = True
    read_by_people = False
    body = "push event"
    policy = "push"
    takes: ClassVar[tuple[AnyNotice, ...]] = _KNOWN
    notices: ClassVar[tuple[Notice, ...]] = tuple(notice for notice in _KNOWN if notice not in _UNASKED)
    recipient_type = "webhook"
    target_help = "the URL of a receiver of updown.io's events"

    def validate(self, given: Mapping[str, Any], current: Stored | None) -> dict[str, Any]:
        fields = {name: given[name] for name in ("url", "secret") if name in given}
        if current is None:
            fields.setdefault("url", "")
        if "url" in fields:
            http_url("url", fields["url"])
        if "timezone" in given:
            fields["options"] = {"timezone": _canonical(given["timezone"])}
        return fields

    def problem(self, channel: Stored) -> str:
        try:
            _canonical(time_zone(channel))
        except InvalidChannelField as invalid:
            return f"an updown channel whose {invalid}"
        return ""

    def show_config(self, channel: Stored) -> Shown:
        return Shown(channel.url, time_zone(channel))

    def show_form(self, channel: Stored) -> Shown:
        return self.show_config(channel)

    def of_target(self, target: str) -> dict[str, Any]:
        return {"url": target}

    def target(self, shown: Mapping[str, Any]) -> str:
        return str(shown["url"])

    def is_success(self, status: int) -> bool:
        return status == 200


KIND = Updown()


def time_zone(channel: Stored) -> str:
    """The zone of the times in descriptions."""
    return str(channel.options.get("timezone", "UTC"))


def _canonical(name: str) -> str:
    try:
        return canonical_tz(name)
    except BadTimezone as bad:
        raise InvalidChannelField("timezone", str(bad)) from None
