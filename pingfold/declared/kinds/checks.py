"""Heartbeat checks, by the Management API. A check without a slug is known by the slug of its name. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pingfold.declared.kinds.kind import Fault, Faults, Judged, Kind, Rules, as_answered
from pingfold.declared.things import Fields
from processors.projects.check_fields import resolved
from query_api.declarations import DeclaredCheck
from query_api.healthchecks.check_object import Urls, check_object
from query_api.healthchecks.fields import InvalidBody, read, wanted
from query_api.slugs import slugify
from schemas.definitions import Check

_NAMES = tuple(name for name in DeclaredCheck.__struct_fields__ if name not in ("channels", "tags", "formerly"))
_NEW = Check(id="", project="", version=1, created=0)
_URLS = Urls("", "")
_FAULT = re.compile(r"json validation error: (?P<field>\w+) (?P<words>.*)", re.DOTALL)


class Checks(Kind):
    section, title = "checks", "check"
    key_field = "slug"
    api, path, update = "healthchecks", "/api/v3/checks/", "POST"

    def judged(self, key: str, given: Fields, rules: Rules) -> Judged:
        body = {name: given[name] for name in _NAMES if name in given} | {"slug": key}
        body.setdefault("name", key)
        if "tags" in given:
            body["tags"] = " ".join(given["tags"])
        faults = [fault for name in body for fault in _faults({name: body[name]})]
        if "schedule" in body and "timeout" in body:
            faults.append(Fault("timeout", "is for a check without a schedule: leave one of the two out"))
        if "tz" in body and "schedule" not in body:
            faults.append(Fault("tz", "is the time zone of a schedule: give one, or leave tz out"))
        if not faults:
            faults = _faults(body)
        if faults:
            raise Faults(faults)
        check = replace(_NEW, **resolved(wanted(read(body), makes=True, name_sets_slug=False), _NEW))
        shown = as_answered(check_object(check, None, 0, _URLS))
        return Judged(self.shown(shown) | {"channels": given.get("channels")})

    def shown(self, answer: Mapping[str, Any]) -> Fields:
        fields = {"slug": answer["slug"]} | {name: answer[name] for name in _NAMES if name in answer}
        channels = answer.get("channels", "")
        return fields | {"tags": answer["tags"].split(), "channels": sorted(filter(None, channels.split(",")))}

    def key_of(self, fields: Fields) -> str:
        return fields["slug"] or slugify(fields["name"])

    def body(self, fields: Fields, secrets: Mapping[str, Any], managed_by: str | None, known: bool) -> Fields:
        told = fields | {"tags": " ".join(fields["tags"]), "channels": ",".join(fields["channels"])}
        return told if managed_by is None else told | {"managed_by": managed_by}


def _faults(body: Fields) -> list[Fault]:
    try:
        wanted(read(body), makes=True, name_sets_slug=False)
    except InvalidBody as invalid:
        found = _FAULT.fullmatch(str(invalid))
        return [Fault("", str(invalid)) if found is None else Fault(found["field"], found["words"])]
    return []


CHECKS = Checks()
