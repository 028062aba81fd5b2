"""`python -m tests.monitor_types_page`: writes docs/compatibility/monitor-types.md from the registered kinds of probes.

A test fails while the page is not what `page` gives.
"""

from typing import Any

import msgspec

from schemas.monitors import DEFAULT_TIMEOUT
from schemas.probe_kinds import FAILURE_WORDS, PROBE_KINDS
from schemas.probe_kinds.kind import ProbeKind
from tests.source_tree import ROOT

PAGE = ROOT / "docs" / "compatibility" / "monitor-types.md"

_HEAD = """# Types of monitors

Written by `python -m tests.monitor_types_page` from `schemas/probe_kinds/`; do not edit. What each `type` of a monitor
of [the PoppaPing API](poppaping.md) probes, and the fields that only it has. All other fields are those of every
monitor. A field of another type is refused unless it is empty. Fields that begin with the name of the
type are Pingfold's own.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *map(_section, PROBE_KINDS.values())])


def _section(kind: ProbeKind[Any]) -> str:
    port = kind.default_port or ("required" if kind.needs_port else "none")
    rows = [
        ("`port`", port),
        ("`timeout_seconds`", str(kind.default_timeout or DEFAULT_TIMEOUT)),
        ("`tls_expires_at`", "of the certificate that was shown" if kind.has_certificate else "null"),
        *((f"`{name}`", _of(field)) for name, field in _fields(kind).items()),
    ]
    causes = [f"*{FAILURE_WORDS[failure]}*" for failure in kind.failures]
    lines = [f"## {kind.name}", "", kind.healthy, "", "| field | left out, or what it holds |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in rows]
    if causes:
        lines += ["", f"Causes of incidents that only some types have: {', '.join(causes)}."]
    return "\n".join([*lines, ""])


def _fields(kind: ProbeKind[Any]) -> dict[str, Any]:
    schema = msgspec.json.schema(kind.fields)
    fields: dict[str, Any] = schema["$defs"][kind.fields.__name__]["properties"]
    return fields


def _of(field: dict[str, Any]) -> str:
    """The description of a field, and the words that it may hold."""
    options = [field, *field.get("anyOf", ())]
    description = next((option["description"] for option in options if "description" in option), "")
    words = [word for option in options for word in option.get("enum", ()) if word]
    return f"{description} One of {', '.join(f'`{word}`' for word in words)}." if words else description


def main() -> None:
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
