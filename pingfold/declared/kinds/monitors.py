"""Monitors, by the PoppaPing API. Headers and bodies of probes are secrets; names of headers are not. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from pingfold.declared.kinds.kind import Fault, Faults, Judged, Kind, Rules, as_answered
from pingfold.declared.kinds.poppaping import judging
from pingfold.declared.things import HIDDEN, Fields
from query_api.declarations import DeclaredMonitor
from query_api.poppaping.monitor_fields import fields_of
from query_api.poppaping.monitor_object import monitor_object
from schemas.monitors import Monitor, Sealed

_REFERENCES = ("channels", "depends_on")
_NAMES = tuple(
    name for name in DeclaredMonitor.__struct_fields__ if name not in (*_REFERENCES, "formerly", "headers", "body")
)
# Of a monitor that nobody has asked for: what a request leaves out, and what is not compared.
_NOT_MADE = ("channels", "depends_on", "mute_until")


class _AnyHost:
    """Which hosts may be probed is for the server to say."""

    def check_host(self, host: str, port: int | None = None) -> None:
        pass


class Monitors(Kind):
    section, title = "monitors", "monitor"
    path = "/api/v1/monitors"

    def judged(self, key: str, given: Fields, rules: Rules) -> Judged:
        body = {name: value for name, value in given.items() if name not in (*_REFERENCES, "formerly")}
        where = ("url",) if (body.get("type") or "http") != "http" else ("host", "port")
        if strange := [name for name in where if body.get(name) is not None]:
            words = "is for another type of monitor: leave it out, or change the type"
            raise Faults([Fault(name, words) for name in strange])
        named = [*(given.get("regions") or ()), *(given.get("excluded_regions") or ())]
        # Where regions are not known, those that are named are taken to be some of them.
        regions = rules.regions or (*dict.fromkeys(named), "")
        with judging():
            fields = fields_of(body | {"name": key}, None, Sealed(), regions, rules.plan, str, _AnyHost())
        asked = {name: value for name, value in asdict(fields).items() if value is not UNSET and name not in _NOT_MADE}
        monitor = Monitor(id="", project="", version=1, created=0, revised=0, **asked)
        sealed = Sealed(headers=given.get("headers") or {}, body=given.get("body") or "")
        shown = self.shown(as_answered(monitor_object(monitor, None, None, sealed)))
        if given.get("paused") is None:
            del shown["paused"]
        secrets = {name: given[name] for name in ("headers", "body") if given.get(name)}
        depends_on = sorted(set(given.get("depends_on") or ()))
        return Judged(shown | {"channels": given.get("channels"), "depends_on": depends_on}, secrets)

    def shown(self, answer: Mapping[str, Any]) -> Fields:
        fields = {"name": answer["name"]} | {name: answer[name] for name in _NAMES if name in answer}
        fields |= {"headers": dict.fromkeys(answer["headers"], HIDDEN), "body": HIDDEN if answer["has_body"] else ""}
        return fields | {"channels": sorted(answer["alert_channel_ids"]), "depends_on": sorted(answer["depends_on"])}

    def body(self, fields: Fields, secrets: Mapping[str, Any], managed_by: str | None, known: bool) -> Fields:
        told = {name: value for name, value in fields.items() if name != "channels"} | dict(secrets)
        told["alert_channel_ids"] = fields["channels"]
        return told if managed_by is None else told | {"managed_by": managed_by}

    def secret_fields(self, fields: Fields) -> tuple[str, ...]:
        return "headers", "body"

    def _told(self, fields: Fields) -> Fields:
        told = super()._told(fields)
        return told if told.pop("paused", False) is False else told | {"paused": True}


MONITORS = Monitors()
