"""What is declared and what is there, in one form, so that they can be compared. Pure.

`fields` are complete: defaults stand in them, and values are written as the REST APIs show them (`kinds`). References
to other things are keys, or ids where no key is theirs alone. What cannot be read back stands in `secrets`, and in
`fields` only as `HIDDEN`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct

from pingfold.declared.problems import Place
from query_api.poppaping.monitor_object import HIDDEN as HIDDEN

Fields: TypeAlias = dict[str, Any]


class Declared(Struct, frozen=True, kw_only=True):
    """A thing as a file has it. managed_by: the set of the file. formerly: its key before a rename; empty: none.

    place, places: where it stands, and its fields by their names.
    """

    section: str
    key: str
    fields: Fields
    secrets: Mapping[str, Any]
    managed_by: str
    formerly: str = ""
    place: Place | None = None
    places: Mapping[str, Place] = {}


class Declarations(NamedTuple):
    """What files declare. sets: those that the files are of, even when they declare nothing."""

    things: Sequence[Declared]
    sets: frozenset[str]


class Present(Struct, frozen=True, kw_only=True):
    """A thing as it is there. managed_by: the set that it belongs to; empty: none."""

    section: str
    key: str
    fields: Fields
    id: str
    managed_by: str = ""


# Fields that hold keys of things: the section of these. `components` and `steps` have fields of their own.
REFERENCES: Mapping[str, str] = {
    "channels": "channels",
    "depends_on": "monitors",
    "monitors": "monitors",
    "checks": "checks",
}
COMPONENTS = "components"
COMPONENT_SECTIONS: Mapping[str, str] = {"monitor": "monitors", "check": "checks"}
# What files name and do not make.
ROTATIONS = "rotations"
STEPS = "steps"
STEP_SECTIONS: Mapping[str, str] = {"channels": "channels", "on_call": ROTATIONS}


def with_references(fields: Fields, of: Callable[[str, str, str], str]) -> Fields:
    """Fields whose references are replaced by what `of` gives for the field, a section and a reference in it."""
    replaced = dict(fields)
    for field, section in REFERENCES.items():
        if isinstance(named := fields.get(field), list):
            replaced[field] = sorted({of(field, section, one) for one in named})
    if isinstance(parts := fields.get(COMPONENTS), list):
        replaced[COMPONENTS] = [
            {name: of(COMPONENTS, COMPONENT_SECTIONS[name], value) if name in COMPONENT_SECTIONS else value
             for name, value in part.items()}
            for part in parts
        ]  # fmt: skip
    if isinstance(steps := fields.get(STEPS), list):
        replaced[STEPS] = [
            {name: sorted({of(STEPS, STEP_SECTIONS[name], one) for one in value}) if name in STEP_SECTIONS else value
             for name, value in step.items()}
            for step in steps
        ]  # fmt: skip
    return replaced
