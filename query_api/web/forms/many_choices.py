"""A field in which some of very many things are chosen: all of them stand there, never only the first. Pure.

A script filters them as somebody types. A page with more than `MOST_BOXES` would take long to load: there the ids are
typed instead, and the field says so.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from query_api.web.forms.form_fields import Field, Option, field_of

MOST_BOXES = 2_000
_TYPED = "Of so many the ids are typed, with commas between them; the page of each has its id in the address."


def many_choices(
    body: type[Struct], name: str, label: str, options: Iterable[Option], chosen: Iterable[str] = (), help: str = ""
) -> Field:
    """The field `name` of a body: those that are chosen already first, then by name."""
    first = frozenset(chosen)
    found = sorted(options, key=lambda one: (one.value not in first, one.words.casefold(), one.value))
    if len(found) > MOST_BOXES:
        return field_of(body, name, label, help=f"{help} {_TYPED}".strip(), kind="words")
    several: dict[str, Any] = {"kind": "several", "options": tuple(found), "help": help}
    return field_of(body, name, label, **several)
