"""`python -m tests.channels_page`: writes the kinds of channels in docs/channels.md from the code.

What stands above the mark is written by hand. A test fails while the part below it is not what `reference` gives.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.channels.accounts import AccountKind
from schemas.channels.kind import ChannelKind
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.published import portable
from tests.source_tree import ROOT

PAGE = ROOT / "docs" / "channels.md"
MARK = "<!-- From here on written by `python -m tests.channels_page`; do not edit. -->\n"


def reference() -> str:
    """What the code says of every kind."""
    return "\n\n".join(section for kind in CHANNEL_KINDS.values() for section in _sections(kind)) + "\n"


def page() -> str:
    """The whole page."""
    return f"{PAGE.read_text().partition(MARK)[0]}{MARK}\n{reference()}"


def _sections(kind: ChannelKind) -> Iterator[str]:
    yield f"## `{kind.name}`"
    yield re.sub(r" Pure\.$", "", sys.modules[type(kind).__module__].__doc__ or "", flags=re.MULTILINE).strip()
    if kind.form is kind.config:
        yield _table("field", kind.config)
    else:
        yield _table("field, PoppaPing API", kind.config)
        yield _table("field, Management API", kind.form)
    yield "\n".join(f"- {line}" for line in _facts(kind))


def _table(head: str, fields: type[msgspec.Struct]) -> str:
    rows = [(f"`{name}`", field.get("description", "")) for name, field in _properties(fields).items()]
    return "\n".join([f"| {head} | |", "|---|---|", *(f"| {name} | {told} |" for name, told in rows)])


def _facts(kind: ChannelKind) -> Iterator[str]:
    shown = ", ".join(f"`{name}`" for name in _properties(kind.config_shown))
    also = ", ".join(f"`{name}`" for name in _properties(kind.form_shown))
    yield f"Shown: {shown}." if shown == also else f"Shown: {shown}; in the Management API {also}."
    yield f"Takes by default {', '.join(f'`{notice}`' for notice in kind.notices)}."
    if kind.by_library:
        yield f"`{kind.secret_field}` is stored encrypted as a whole, and is not shown."
    elif kind.signs:
        yield f"`{kind.secret_field}` is stored encrypted, is not shown, and can be rotated."
    elif kind.secret_field == kind.url_field != "":
        yield f"`{kind.url_field}` is a secret: it is stored encrypted, and only its server is shown."
    elif kind.secret_field:
        yield (
            f"`{kind.secret_field}` is stored encrypted, is not shown, and is sent only to the origin (scheme, host, "
            f"port) of `{kind.url_field}`: with another origin it must be given again."
        )
    if kind.url_field:
        yield f"Private addresses in `{kind.url_field}` are refused unless `PINGFOLD_PRIVATE_TARGETS` allows them."
    if isinstance(kind, AccountKind) and kind.server:
        yield f"`server` is `{kind.server}` by default."
    others = {kind.listed_as: "the Management API", kind.recipient_type: "updown.io's API"}
    if kind.listed_as == kind.recipient_type:
        others = {kind.listed_as: "the Management API and updown.io's API"}
    if called := [f"`{name}` in {where}" for name, where in others.items() if name not in ("", kind.name)]:
        yield f"Called {' and '.join(called)}."
    if kind.limits.text is not None:
        yield f"A text is cut at {kind.limits.text:,} bytes."


def _properties(fields: type[msgspec.Struct]) -> dict[str, Any]:
    schema: dict[str, Any] = portable(msgspec.json.schema(fields))["$defs"][fields.__name__]["properties"]
    # What may be null stands in `anyOf`, and its description with it.
    return {name: _described(field) for name, field in schema.items()}


def _described(field: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next((one for one in field.get("anyOf", ()) if "description" in one), {})
    return found | field


def main() -> None:
    PAGE.write_text(page())
    print(f"{PAGE}: written")


if __name__ == "__main__":
    main()
