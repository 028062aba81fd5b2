"""A form as it is shown: what stands in its inputs, what is wrong with it, and what others have changed meanwhile.

`new_form` and `filled_form` make one to fill in; `typed_form` is one as it was sent, so that nothing is lost that
somebody typed. A form of a thing that is there holds the version that it was filled from, and a fingerprint of each
field then: `merged` tells what another editor has changed since. A form that makes something holds a random key, under
which it makes one thing however often it is sent (`Idempotency-Key`). Pure, but for that key.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any

from msgspec import UNSET

from query_api.web.forms.field_errors import told_error
from query_api.web.forms.form_fields import Field, Group, Inputs, WrongInput, filled, fingerprint, value_of
from query_api.web.forms.forms import PostedForm
from schemas.ids import new_id

# Inputs that are no fields: the key of a new thing; of one that is there the version, and what its fields were.
VERSION, WAS = "version", "was"
_LONGEST_NOTE = 300


@dataclass(frozen=True, kw_only=True)
class Form:
    """errors, notes: sentences by name of field. problem: what is wrong that no field is named for. changed: that the
    thing was changed meanwhile. previews: what groups mean, as parts of a page, by their path."""

    groups: tuple[Group, ...]
    inputs: Inputs
    zone: tzinfo
    once: str = ""
    version: str = ""
    was: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    previews: Mapping[str, str] = field(default_factory=dict)
    changed: str = ""

    @property
    def fields(self) -> Iterator[Field]:
        """All of them."""
        return (one for group in self.groups for one in group.fields)

    @property
    def labels(self) -> dict[str, str]:
        """Of each field, by its name."""
        return {one.name: one.label for one in self.fields}

    def values(self, name: str) -> tuple[str, ...]:
        """What stands in the inputs with this name."""
        return self.inputs.get(name, ())

    def value(self, name: str) -> str:
        """The same of one input."""
        return next(iter(self.values(name)), "")

    def is_open(self, group: Group) -> bool:
        """Whether a group shows its fields at once."""
        return not group.closed or any(one.name in self.errors or one.name in self.notes for one in group.fields)

    @property
    def was_text(self) -> str:
        """`was` as an input holds it."""
        return json.dumps(dict(self.was), separators=(",", ":"))

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """(name, error) of the fields that are wrong, in their order."""
        return [(one.name, self.errors[one.name]) for one in self.fields if one.name in self.errors]


Valued = Mapping[str, Any]


def new_form(groups: tuple[Group, ...], values: Valued, zone: tzinfo) -> Form:
    """An empty form of a new thing. values: what stands in it already."""
    return Form(groups=groups, inputs=_inputs(groups, values, zone), zone=zone, once=new_id())


def filled_form(groups: tuple[Group, ...], values: Valued, zone: tzinfo, version: int | str) -> Form:
    """The form of a thing that is there. values: of the fields, as the API shows them."""
    inputs = _inputs(groups, values, zone)
    return Form(groups=groups, inputs=inputs, zone=zone, version=str(version), was=_fingerprints(groups, inputs))


def typed_form(groups: tuple[Group, ...], posted: PostedForm, zone: tzinfo) -> Form:
    """The form as it was sent."""
    inputs: dict[str, tuple[str, ...]] = {}
    for name, value in posted.fields:
        inputs[name] = (*inputs.get(name, ()), value.replace("\r\n", "\n"))
    known = {name: inputs.get(name, ()) for group in groups for name in (one.name for one in group.fields)}
    return Form(
        groups=groups,
        inputs=known,
        zone=zone,
        once=posted.once,
        version=posted.one(VERSION),
        was=_was(posted.one(WAS)),
    )


def said(form: Form) -> tuple[dict[str, Any], dict[str, str]]:
    """What a form says to the API by name of field, and the errors of the fields that say nothing."""
    values, errors = {}, {}
    for one in form.fields:
        try:
            value = value_of(one, form.values(one.name), form.zone)
        except WrongInput as wrong:
            errors[one.name] = f"{one.label} {wrong}."
            continue
        if value is not UNSET:
            values[one.name] = value
    return values, errors


def changes(form: Form, values: Valued) -> frozenset[str]:
    """The fields in which a form differs from a thing that has these values."""
    there = _fingerprints(form.groups, _inputs(form.groups, values, form.zone))
    return frozenset(one.name for one in form.fields if fingerprint(form.values(one.name)) != there[one.name])


def merged(form: Form, values: Valued, version: int | str) -> Form | None:
    """The form of the second of two editors, as it is shown again; None when nobody else has changed
    what stands in it.

    What only the other changed is taken over; what both did stays as typed here, with the other's beside it.
    """
    if form.version == str(version):
        return None
    theirs = _inputs(form.groups, values, form.zone)
    now, inputs, notes = _fingerprints(form.groups, theirs), dict(form.inputs), {}
    for one in form.fields:
        mine, before = fingerprint(form.values(one.name)), form.was.get(one.name)
        if now[one.name] in (before, mine):
            continue
        if mine == before:
            inputs[one.name] = theirs[one.name]
            notes[one.name] = "Somebody else has changed this meanwhile; it is shown as it is now."
        else:
            other = _shown(one, theirs[one.name])
            notes[one.name] = f"Somebody else has changed this meanwhile, to: {other}. Yours is kept here."
    if not notes:  # another version, but of nothing that stands in the form, or both said the same
        return None
    told = f"Somebody else has changed this while you did: {', '.join(form.labels[name] for name in notes)}."
    return replace(
        form,
        inputs=inputs,
        notes=notes,
        version=str(version),
        was=now,
        changed=f"{told} Nothing is saved yet: look it over, and save again.",
    )


def refused(form: Form, text: str) -> Form:
    """The form with what an API says is wrong with it: beside the field that is named, or at the top."""
    error = told_error(text, form.labels)
    if error.field:
        return replace(form, errors={**form.errors, error.field: error.words})
    return replace(form, problem=error.words)


def _inputs(groups: tuple[Group, ...], values: Valued, zone: tzinfo) -> dict[str, tuple[str, ...]]:
    return {one.name: filled(one, values.get(one.name), zone) for group in groups for one in group.fields}


def _fingerprints(groups: tuple[Group, ...], inputs: Inputs) -> dict[str, str]:
    return {one.name: fingerprint(inputs[one.name]) for group in groups for one in group.fields}


def _was(text: str) -> dict[str, str]:
    """What the form says that its fields were; whatever else stands there counts as nothing."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {name: was for name, was in found.items() if isinstance(was, str)} if isinstance(found, dict) else {}


def _shown(field: Field, given: tuple[str, ...]) -> str:
    if field.kind == "switch":
        return "on" if given else "off"
    words = {option.value: option.words for option in field.options}
    text = ", ".join(words.get(one, one) for one in given) or "nothing"
    return text if len(text) <= _LONGEST_NOTE else f"{text[:_LONGEST_NOTE]}…"


Shape = Callable[[dict[str, Any]], dict[str, Any]]
