"""Status pages, by the PoppaPing API; lists do not tell their components. A password is never read back. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from pingfold.declared.kinds.kind import Fault, Faults, Judged, Kind, Rules, as_answered
from pingfold.declared.kinds.poppaping import judging
from pingfold.declared.things import COMPONENT_SECTIONS, HIDDEN, Fields
from query_api.poppaping.bodies import judged
from query_api.poppaping.status_pages import CreateStatusPageBody, looks_of, sections_shown

# How a page looks where nothing is said of it.
_LOOKS: Mapping[str, Any] = {"sections": [], "logo": "", "accent": "", "domain": ""}


class StatusPages(Kind):
    section, title = "status_pages", "status page"
    key_field = "slug"
    path, scope = "/api/v1/status-pages", "status-pages:write"
    details = True
    unique = ("domain",)

    def judged(self, key: str, given: Fields, rules: Rules) -> Judged:
        parts, faults = [], []
        for number, part in enumerate(given.get("components", ())):
            named = [name for name in COMPONENT_SECTIONS if name in part]
            if len(named) != 1:
                faults.append(Fault(f"components[{number}]", "names one thing: give either 'monitor' or 'check'"))
                continue
            parts.append({named[0]: part[named[0]], "name": part.get("name", ""), "group": part.get("group", "")})
        shown = [{name: part[name] for name in COMPONENT_SECTIONS if name in part} for part in parts]
        faults += [
            Fault(f"components[{number}]", "names what the page has already: remove one of the two")
            for number, part in enumerate(shown)
            if shown.index(part) != number
        ]
        if faults:
            raise Faults(faults)
        with judging():
            body = {name: value for name, value in given.items() if name not in ("components", "formerly")}
            looks = looks_of(judged(body | {"slug": key}, CreateStatusPageBody))
        given_looks = {name: value for name, value in looks._asdict().items() if value is not UNSET}
        if looks.sections is not UNSET:
            given_looks["sections"] = as_answered(sections_shown(looks.sections))
        fields = {
            "slug": key,
            "title": given["title"],
            "description": given.get("description", ""),
            "components": parts,
            **_LOOKS,
            **given_looks,
        }
        if "password" in given:
            fields["password"] = HIDDEN if given["password"] else None
        return Judged(fields, {"password": given["password"]} if given.get("password") else {})

    def shown(self, answer: Mapping[str, Any]) -> Fields:
        parts = [{one["type"]: one["id"], "name": one["name"], "group": one["group"]} for one in answer["components"]]
        fields = {name: answer[name] for name in ("slug", "title", "description", *_LOOKS)}
        return fields | {"components": parts, "password": None if answer["public"] else HIDDEN}

    def body(self, fields: Fields, secrets: Mapping[str, Any], managed_by: str | None, known: bool) -> Fields:
        parts = [
            {"type": name, "id": part[name], "name": part["name"], "group": part["group"]}
            for part in fields["components"]
            for name in COMPONENT_SECTIONS
            if name in part
        ]
        told = (
            {name: value for name, value in fields.items() if (name, value) != ("password", HIDDEN)}
            | {"components": parts}
            | dict(secrets)
        )
        return told if managed_by is None else told | {"managed_by": managed_by}

    def secret_fields(self, fields: Fields) -> tuple[str, ...]:
        return ("password",)

    def written(self, fields: Fields) -> Fields:
        parts = [{name: value for name, value in part.items() if value} for part in fields["components"]]
        sections = [{name: value for name, value in one.items() if value} for one in fields["sections"]]
        told = {name: value for name, value in fields.items() if name not in ("slug", "password")}
        told |= {"components": parts, "sections": sections}
        if fields.get("password") is not None:
            told["password"] = fields["password"]
        return {name: value for name, value in told.items() if value}


STATUS_PAGES = StatusPages()
