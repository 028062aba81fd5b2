"""Channels, by the PoppaPing API. What a kind of channel does not show is a secret. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from pingfold.declared.kinds.kind import Fault, Faults, Judged, Kind, Rules, as_answered
from pingfold.declared.kinds.poppaping import judging
from pingfold.declared.things import HIDDEN, Fields
from query_api.channel_fields import given_of, in_order, must_fit, must_gather, must_take, quiet_of
from query_api.poppaping.alerts import CreateAlertChannelBody
from query_api.poppaping.bodies import judged
from schemas.channels.kind import ChannelKind, InvalidChannelField
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.reading import given_type, shown, shown_type, with_reading
from schemas.definitions import Channel

_COMMON = ("events", "digest", "quiet_hours", "repeat_minutes")


class Channels(Kind):
    section, title = "channels", "channel"
    path, scope = "/api/v1/alert-channels", "alerts:write"

    def judged(self, key: str, given: Fields, rules: Rules) -> Judged:
        body = {name: value for name, value in given.items() if name not in ("type", "formerly")}
        kind = CHANNEL_KINDS[given["type"]]
        with judging():
            wanted: Any = judged(body | {"channel_type": kind.name, "name": key}, CreateAlertChannelBody)
        try:
            must_fit(kind, body)
            must_take(kind, wanted.events or ())
            must_gather(kind, wanted.digest, wanted.quiet_hours)
            config = given_of(kind, wanted, "config")
            stored = {"url": ""} | with_reading(kind, config, None, kind.validate(config, None))
        except InvalidChannelField as invalid:
            raise Faults([Fault(invalid.field, invalid.problem)]) from None
        channel = Channel(id="", project="", kind=kind.name, created=0, **stored)
        fields = {
            "name": key,
            "type": kind.name,
            **_config(kind, as_answered(shown(kind, channel, "config"))),
            "events": list(kind.notices if wanted.events is None else in_order(wanted.events)),
            "digest": kind.gathers(wanted.digest),
            "quiet_hours": as_answered(quiet_of(wanted.quiet_hours)),
            "repeat_minutes": wanted.repeat_minutes,
        }
        secrets = {kind.secret_field: config[kind.secret_field]} if config.get(kind.secret_field) else {}
        return Judged(fields, secrets)

    def shown(self, answer: Mapping[str, Any]) -> Fields:
        kind = CHANNEL_KINDS[answer["channel_type"]]
        fields = {"name": answer["name"], "type": kind.name} | _config(kind, answer["config"])
        return fields | {name: answer[name] for name in _COMMON}

    def body(self, fields: Fields, secrets: Mapping[str, Any], managed_by: str | None, known: bool) -> Fields:
        kind = CHANNEL_KINDS[fields["type"]]
        given = given_type(kind, "config").__struct_fields__
        told = {name: fields[name] for name in ("name", *_COMMON, *given) if name in fields} | dict(secrets)
        if known:
            # What is cleared is told so; an absent field would stay as it is.
            told |= {name: "" for name in ("language", "timezone") if name in given and name not in told}
        else:
            told = {name: value for name, value in told.items() if value is not None} | {"channel_type": kind.name}
        return told if managed_by is None else told | {"managed_by": managed_by}

    def fixed(self) -> tuple[str, ...]:
        return ("type",)

    def secret_fields(self, fields: Fields) -> tuple[str, ...]:
        return (CHANNEL_KINDS[fields["type"]].secret_field,)

    def written(self, fields: Fields) -> Fields:
        kind = CHANNEL_KINDS[fields["type"]]
        given = given_type(kind, "config").__struct_fields__
        usual = {
            "events": list(kind.notices),
            "digest": kind.gathers(None),
            "quiet_hours": None,
            "repeat_minutes": None,
        }
        told = {"type": kind.name} | {name: fields[name] for name in given if fields.get(name) not in (None, "", [])}
        if kind.secret_needed or fields.get("has_token") or fields.get("apprise_service"):
            told[kind.secret_field] = HIDDEN
        return told | {name: fields[name] for name in _COMMON if fields[name] != usual[name]}


def _config(kind: ChannelKind, told: Mapping[str, Any]) -> Fields:
    """What is shown of where a channel leads, the same for one that is declared and one that is there."""
    names = shown_type(kind, "config").__struct_fields__
    return {name: told[name] for name in names if told.get(name, UNSET) not in (UNSET, None)}


CHANNELS = Channels()
