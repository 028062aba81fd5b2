"""Rows of a form: the same fields again and again, as the steps of an escalation, numbered from 1. Pure.

A page without scripts cannot add a row: it has some that are empty behind those that are filled. An empty one says
nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from query_api.web.forms.form_fields import Group
from query_api.web.forms.forms import PostedForm


def groups_of_rows(group: Callable[[int], Group], count: int, most: int) -> tuple[Group, ...]:
    """The groups of the rows. count: how many are wanted; most: how many there may be."""
    return tuple(group(number) for number in range(1, min(most, count) + 1))


def rows_sent(posted: PostedForm, field: str) -> int:
    """How many rows a form had that was sent. field: a text of theirs, which browsers send empty, too."""
    return sum(is_of_rows(name, (field,)) for name, _ in posted.fields)


def values_of_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What stands in the fields of rows."""
    return {f"{name}_{number}": value for number, row in enumerate(rows, 1) for name, value in row.items()}


def rows_of_values(values: Mapping[str, Any], needed: str, names: Sequence[str], most: int) -> list[dict[str, Any]]:
    """The rows that fields say; those of which `needed` says nothing are left out."""
    return [
        {name: values.get(f"{name}_{number}") for name in (needed, *names)}
        for number in range(1, most + 1)
        if values.get(f"{needed}_{number}")
    ]


def is_of_rows(name: str, names: Sequence[str]) -> bool:
    """Whether a field is one of rows with these fields."""
    before, _, number = name.rpartition("_")
    return number.isdigit() and before in names


def with_rows(changed: frozenset[str], names: Iterable[str], rows: Iterable[Sequence[str]]) -> frozenset[str]:
    """The fields that are sent when these have changed: the rows of a kind are given together. names: of all fields;
    rows: the fields that a row of each kind has."""
    found = set(changed)
    for row in rows:
        if any(is_of_rows(name, row) for name in changed):
            found |= {name for name in names if is_of_rows(name, row)}
    return frozenset(found)
