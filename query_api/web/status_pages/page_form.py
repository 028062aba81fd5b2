"""The form of a status page: what it holds, and the body of the API that it says. Pure.

A component is a row of four fields with the same names in each row: `component` (`check/<id>`), `name`, `group`, and
`place`, a number by which rows are put in order; a row without one is left out. Sections are lines: a title, behind
` | ` a sentence, and behind another one `closed` where it is to be opened by readers.

The colour is a text, which may be empty, and beside it a picker, which may not. The picker counts when it was moved and
the text was not changed: so it works without a script.
"""

import re
from typing import Any, NamedTuple

from query_api.web.forms.forms import PostedForm
from schemas.status_pages import Section, StatusPage

# Fields of one value each.
PLAIN = ("title", "slug", "description", "accent", "logo", "domain")
_BETWEEN = " | "
# Where the picker stands when there is no colour.
_NO_COLOUR = "#1a5fb4"
_COLOUR = re.compile(r"#[0-9a-f]{6}", re.ASCII)
_CLOSED, _OPEN = "closed", "open"


class Row(NamedTuple):
    """A component as the form holds it. thing: `check/<id>` or `monitor/<id>`."""

    thing: str
    name: str
    group: str
    place: str


class PageForm(NamedTuple):
    """What the form holds, as it was typed. based_on: version of the page that it was made from; 0: a new one.

    once: the key of a new one, so that it is made once however often the form is sent.
    """

    plain: dict[str, str]
    sections: str
    rows: tuple[Row, ...]
    based_on: int = 0
    once: str = ""

    @property
    def picked(self) -> str:
        """Where the picker of the colour stands."""
        return picked_of(self.plain.get("accent", ""))

    def body(self) -> dict[str, Any]:
        """The fields for the API. Raises `ValueError`, which names the row, for a place that is no number."""
        placed = []
        for number, row in enumerate(self.rows, 1):
            if not row.place.strip():
                continue
            if not row.place.strip().isascii() or not row.place.strip().isdigit() or len(row.place) > 9:
                raise ValueError(f"components: the place of row {number} must be a whole number, or empty")
            placed.append((int(row.place), number, row))
        components = []
        for _, _, row in sorted(placed):
            kind, _, id = row.thing.partition("/")
            components.append({"type": kind, "id": id, "name": row.name, "group": row.group})
        return self.plain | {"components": components, "sections": sections_in(self.sections)}


def of_page(page: StatusPage) -> PageForm:
    """The form of a page as it is."""
    rows = tuple(
        Row(f"{one.kind}/{one.id}", one.name, one.group, str(number)) for number, one in enumerate(page.components, 1)
    )
    return PageForm({name: getattr(page, name) for name in PLAIN}, lines_of(page.sections), rows, page.version)


def posted(form: PostedForm) -> PageForm:
    """The form as it was sent."""
    columns = [form.all(name) for name in ("component", "name", "group", "place")]
    rows = tuple(Row(*cells) for cells in zip(*columns, strict=False))
    based_on = form.one("based_on")
    plain = {name: form.one(name) for name in PLAIN}
    was, picked = form.one("accent_was"), form.one("accent_picked").lower()
    if plain["accent"] == was and _COLOUR.fullmatch(picked) and picked != picked_of(was):
        plain["accent"] = picked
    return PageForm(
        plain,
        form.raw("sections"),
        rows,
        int(based_on) if based_on.isascii() and based_on.isdigit() and len(based_on) < 12 else 0,
        form.once,
    )


def picked_of(accent: str) -> str:
    """Where a picker stands that is to show this text."""
    text = accent.strip().lower()
    return text if _COLOUR.fullmatch(text) else _NO_COLOUR


def with_row(form: PageForm, thing: str) -> PageForm:
    """The form with one more component, which stands last; as it is, if it has it."""
    if not thing or any(row.thing == thing for row in form.rows):
        return form
    last = max((int(row.place) for row in form.rows if row.place.isascii() and row.place.isdigit()), default=0)
    return form._replace(rows=(*form.rows, Row(thing, "", "", str(last + 1))))


def sections_in(text: str) -> list[dict[str, Any]]:
    """What the lines of a text say."""
    found = []
    for line in text.splitlines():
        title, _, rest = line.partition(_BETWEEN)
        # That a section is open is said only where its sentence would be read as saying something else.
        before, _, said = rest.rpartition(_BETWEEN)
        description = before if said.strip() in (_CLOSED, _OPEN) else rest
        if title.strip():
            collapsed = said.strip() == _CLOSED
            found.append({"title": title.strip(), "description": description.strip(), "collapsed": collapsed})
    return found


def lines_of(sections: tuple[Section, ...]) -> str:
    """The lines that say sections."""
    return "\n".join(_line_of(one) for one in sections)


def _line_of(section: Section) -> str:
    description = " ".join(section.description.split())
    parts = [section.title, description] if description else [section.title]
    if section.collapsed:
        parts.append(_CLOSED)
    elif description.rpartition(_BETWEEN)[2] in (_CLOSED, _OPEN):
        parts.append(_OPEN)
    return _BETWEEN.join(parts)
