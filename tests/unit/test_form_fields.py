"""Fields of forms: what stands in them, what they say, and which of them an error names."""

from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from query_api.healthchecks.check_bodies import CreateCheckBody
from query_api.poppaping.monitor_fields import CreateMonitorBody
from query_api.updown.durations import seconds_of
from query_api.web.forms.field_errors import ToldError, told_error
from query_api.web.forms.form_fields import Field, Group, Option, WrongInput, field_of, filled, fingerprint, value_of
from query_api.web.forms.form_state import Form, changes, filled_form, merged, said, typed_form
from query_api.web.forms.forms import PostedForm
from query_api.web.forms.many_choices import MOST_BOXES, many_choices
from query_api.web.shown.schedule_words import span_text
from query_api.web.viewer import Viewer
from schemas.actors import Actor

BERLIN = ZoneInfo("Europe/Berlin")
LABELS = {"slug": "Slug", "url": "URL", "headers": "Headers", "starts_at": "Begins", "unique": "Unique"}


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("json validation error: slug does not match pattern", "slug", "Slug does not match pattern."),
        ("json validation error: an item in 'unique' has unexpected value", "unique", "An item has unexpected value."),
        ("json validation error: nothing of the form", "", "Nothing of the form."),
        ("Field 'url': it names no host.", "url", "It names no host."),
        ("Field 'url' is required.", "url", "URL is required."),
        ("Field 'headers[...]' (a name in it): is wrong.", "headers", "Is wrong."),
        ("Fields 'headers' and 'body' must be given.", "headers", "“Headers” and 'body' must be given."),
        ("Give 'starts_at' and 'ends_at'.", "starts_at", "Give “Begins” and 'ends_at'."),
        ("Field 'url' must be given with starts_at.", "url", "URL must be given with “Begins”."),
        ("json validation error: slug is not with field 'unique'", "slug", "Slug is not with “Unique”."),
        ("it needs unique", "", "It needs unique."),
        ("Expected `int`, got `str` - at `$.slug`", "slug", "Must be a whole number."),
        ("Field 'other': no.", "", "Field 'other': no."),
        ("too many checks", "", "Too many checks."),
    ],
)  # fmt: skip
def test_an_error_is_told_beside_the_field_that_it_names(text: str, field: str, words: str) -> None:
    assert told_error(text, LABELS) == ToldError(field, words)


@given(st.text(), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_any_error_is_told(text: str, labels: dict[str, str]) -> None:
    error = told_error(text, labels)
    assert error.words
    assert not error.field or error.field in labels


@given(st.sampled_from(sorted(LABELS)), st.sampled_from(sorted(LABELS)))
def test_people_read_labels_and_no_names_of_the_api(field: str, other: str) -> None:
    for text in (f"Field '{field}' must not be there with '{other}'.", f"json validation error: {field} and '{other}'"):
        told = told_error(text, LABELS)
        assert (told.field, f"'{other}'" in told.words) == (field, False)
        assert LABELS[other] in told.words


def test_a_field_is_described_by_the_body_of_the_api() -> None:
    late = field_of(CreateCheckBody, "late_limit", "May be late")
    assert (late.kind, late.least, late.most) == ("number", 0, 31_536_000)
    assert late.help == "Seconds by which a ping may be late; null: grace."
    assert field_of(CreateCheckBody, "name", "Name").longest == 100
    assert field_of(CreateCheckBody, "manual_resume", "Resume by hand").kind == "switch"
    assert field_of(CreateMonitorBody, "headers", "Headers").kind == "pairs"
    statuses = field_of(CreateMonitorBody, "expected_statuses", "Statuses")
    assert (statuses.kind, statuses.numbers) == ("words", True)
    method = field_of(CreateMonitorBody, "method", "Method")
    assert (method.kind, method.options[0].value) == ("choice", "DELETE")


CASES: list[tuple[Field, Any, tuple[str, ...]]] = [
    (Field(name="a", label="A"), "x <y>", ("x <y>",)),
    (Field(name="a", label="A", kind="long"), "x\ny", ("x\ny",)),
    (Field(name="a", label="A", kind="switch"), True, ("on",)),
    (Field(name="a", label="A", kind="switch"), False, ()),
    (Field(name="a", label="A", kind="span"), 5_400, ("90 minutes",)),
    (Field(name="a", label="A", kind="span", empty=None), None, ()),
    (Field(name="a", label="A", kind="number"), 3, ("3",)),
    (Field(name="a", label="A", kind="number"), 0.5, ("0.5",)),
    (Field(name="a", label="A", kind="several"), ["b", "c"], ("b", "c")),
    (Field(name="a", label="A", kind="words"), ["b", "c"], ("b, c",)),
    (Field(name="a", label="A", kind="words", numbers=True), [200, 404], ("200, 404",)),
    (Field(name="a", label="A", kind="pairs"), {"X-A": "1:2", "B": ""}, ("X-A: 1:2\nB: ",)),
    (Field(name="a", label="A", kind="time"), "2026-07-01T10:00:00+00:00", ("2026-07-01T12:00",)),
]


@pytest.mark.parametrize(("field", "value", "inputs"), CASES)
def test_what_is_filled_in_is_read_again(field: Field, value: Any, inputs: tuple[str, ...]) -> None:
    assert filled(field, value, BERLIN) == inputs
    assert value_of(field, inputs, BERLIN) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", "ten"),
        ("number", "nan"),
        ("number", "1e400"),
        ("span", "soon"),
        ("time", "tomorrow"),
        ("pairs", "a"),
        ("pairs", ": b"),
    ],
)
def test_what_says_nothing_is_wrong(kind: Any, text: str) -> None:
    with pytest.raises(WrongInput):
        value_of(Field(name="a", label="A", kind=kind), (text,), BERLIN)


@given(st.sampled_from([field for field, _, _ in CASES]), st.lists(st.text(max_size=40), max_size=3))
def test_whatever_is_typed_is_read_or_wrong(field: Field, typed: list[str]) -> None:
    with suppress(WrongInput):
        value_of(field, tuple(typed), BERLIN)
    assert len(fingerprint(typed)) == 12


@given(st.integers(0, 31_536_000))
def test_a_duration_is_read_as_it_is_shown(seconds: int) -> None:
    assert seconds_of(span_text(seconds)) == seconds


GROUPS = (Group(title="", fields=tuple(Field(name=name, label=name.upper()) for name in "abc")),)


def _typed(form: Form, **typed: str) -> Form:
    inputs = {**form.inputs, **{name: (value,) for name, value in typed.items()}}
    return Form(groups=GROUPS, inputs=inputs, zone=BERLIN, version=form.version, was=form.was)


def test_the_second_of_two_editors_is_told() -> None:
    form = filled_form(GROUPS, {"a": "1", "b": "2", "c": "3"}, BERLIN, 7)
    mine = _typed(form, a="mine", c="both")
    assert merged(mine, {"a": "1", "b": "2", "c": "3"}, 7) is None
    assert merged(mine, {"a": "mine", "b": "2", "c": "3"}, 8) is None
    found = merged(mine, {"a": "theirs", "b": "new", "c": "both"}, 8)
    assert found is not None
    assert (found.value("a"), found.value("b"), found.value("c")) == ("mine", "new", "both")
    assert set(found.notes) == {"a", "b"}
    assert "to: theirs" in found.notes["a"]
    assert "A, B" in found.changed
    # Saved again, it says both.
    again = merged(found, {"a": "theirs", "b": "new", "c": "both"}, 8)
    assert again is None
    assert changes(found, {"a": "theirs", "b": "new", "c": "both"}) == {"a"}


def test_a_field_that_says_nothing_is_not_sent() -> None:
    fields = (Field(name="p", label="P", kind="secret", empty=UNSET), Field(name="n", label="N", kind="number"))
    groups = (Group(title="", fields=fields),)
    form = Form(groups=groups, inputs={"n": ("x",)}, zone=BERLIN)
    assert said(form) == ({}, {"n": "N must be a number."})


@given(st.text(max_size=60))
def test_whatever_a_form_says_of_its_fields(was: str) -> None:
    viewer = Viewer("a", (), frozenset(), Actor(kind="admin"))
    form = typed_form(GROUPS, PostedForm(viewer, [("was", was), ("a", "1\r\n2")]), BERLIN)
    assert form.value("a") == "1\n2"


@pytest.mark.parametrize("count", [0, 201, MOST_BOXES, MOST_BOXES + 1])
def test_of_many_things_none_is_left_out(count: int) -> None:
    options = [Option(f"id-{number}", f"Name {number}") for number in range(count)]
    chosen = [one.value for one in options[-2:]]
    field = many_choices(CreateMonitorBody, "depends_on", "Depends on", options, chosen, "Help.")
    if count <= MOST_BOXES:
        assert field.kind == "several"
        assert sorted(field.options) == sorted(options)
        assert [one.value for one in field.options[: len(chosen)]] == sorted(chosen)
    else:
        assert (field.kind, field.options) == ("words", ())
        assert "the ids are typed" in field.help
    inputs = filled(field, chosen, BERLIN)
    assert sorted(value_of(field, inputs, BERLIN)) == sorted(chosen)
