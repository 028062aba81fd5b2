"""Escalation policies, by the PoppaPing API. On-call rotations that a step names are there already. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from pingfold.declared.kinds.kind import Fault, Faults, Judged, Kind, Rules
from pingfold.declared.kinds.poppaping import judging
from pingfold.declared.things import STEPS, Fields, Present
from query_api.poppaping.bodies import judged
from query_api.poppaping.escalations import CreateEscalationPolicyBody, must_make_sense, steps_of

_THINGS = ("monitors", "checks")


class Escalations(Kind):
    section, title = "escalations", "escalation policy"
    path, scope = "/api/v1/escalation-policies", "alerts:write"

    def judged(self, key: str, given: Fields, rules: Rules) -> Judged:
        steps = [
            {
                "after_minutes": step["after_minutes"],
                "channels": sorted(set(step.get("channels", ()))),
                "own_channels": step.get("own_channels", False),
                "on_call": sorted(set(step.get("on_call", ()))),
            }
            for step in given[STEPS]
        ]
        if faults := [
            Fault(f"{STEPS}[{number}]", "tells nobody: give 'channels', 'on_call' or 'own_channels: true'")
            for number, step in enumerate(steps)
            if _is_hollow(step)
        ]:
            raise Faults(faults)
        body = {name: value for name, value in given.items() if name not in (*_THINGS, STEPS, "formerly")}
        with judging():
            wanted = judged(body | {"name": key, STEPS: _asked(steps)}, CreateEscalationPolicyBody)
            must_make_sense(steps_of(wanted.steps))
        fields = {"name": key, STEPS: steps, "repeat": 0 if wanted.repeat is UNSET else wanted.repeat}
        return Judged(fields | {name: sorted(set(given.get(name) or ())) for name in _THINGS})

    def shown(self, answer: Mapping[str, Any]) -> Fields:
        """All that it is for stands under `monitors` until `of_their_sections` has told them apart."""
        steps = [
            {
                "after_minutes": step["after_minutes"],
                "channels": sorted(step["alert_channel_ids"]),
                "own_channels": step["own_channels"],
                "on_call": sorted(step["on_call"]),
            }
            for step in answer[STEPS]
        ]
        fields = {"name": answer["name"], STEPS: steps, "repeat": answer["repeat"]}
        return fields | {"monitors": sorted(answer["monitor_ids"]), "checks": []}

    def body(self, fields: Fields, secrets: Mapping[str, Any], managed_by: str | None, known: bool) -> Fields:
        told = {"name": fields["name"], STEPS: _asked(fields[STEPS]), "repeat": fields["repeat"]}
        told["monitor_ids"] = [*fields["monitors"], *fields["checks"]]
        return told if managed_by is None else told | {"managed_by": managed_by}

    def undeclarable(self, fields: Fields) -> str:
        hollow = [str(step["after_minutes"]) for step in fields[STEPS] if _is_hollow(step)]
        return f"its step after {hollow[0]} minutes tells nobody any more" if hollow else ""

    def written(self, fields: Fields) -> Fields:
        steps = [{name: value for name, value in step.items() if value} for step in fields[STEPS]]
        told = {STEPS: steps} | ({} if fields["repeat"] == 0 else {"repeat": fields["repeat"]})
        return told | {name: fields[name] for name in _THINGS if fields[name]}


def of_their_sections(present: Iterable[Present]) -> list[Present]:
    """What is there, with checks told apart from monitors in policies, and without what is gone.

    When all that a policy is for is gone it stays named by id: without any name the policy would be for everything.
    """
    present = list(present)
    section = {one.id: one.section for one in present}

    def sorted_out(one: Present) -> Present:
        named = one.fields["monitors"]
        found = {name: [id for id in named if section.get(id) == name] for name in _THINGS}
        return replace(one, fields=one.fields | found) if any(found.values()) else one

    return [sorted_out(one) if one.section == ESCALATIONS.section else one for one in present]


def _asked(steps: Iterable[Fields]) -> list[Fields]:
    """Steps as the API takes them."""
    return [
        {("alert_channel_ids" if name == "channels" else name): value for name, value in step.items()} for step in steps
    ]


def _is_hollow(step: Fields) -> bool:
    return not (step["channels"] or step["on_call"] or step["own_channels"])


ESCALATIONS = Escalations()
