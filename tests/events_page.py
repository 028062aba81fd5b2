"""`python -m tests.events_page`: writes the reference part of docs/events.md from the code and the recorded events.

What stands above the mark is written by hand. A test fails while the part below it is not what `reference` gives.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.published import file_of, index, kind_of, schema_of, tag_of, types_of
from schemas.topics import TOPICS, Topic
from tests.recorded import Recorded, recorded
from tests.source_tree import ROOT

PAGE = ROOT / "docs" / "events.md"
MARK = "<!-- From here on written by `python -m tests.events_page`; do not edit. -->\n"

_HOUR_MS = 3_600_000
_LINE = 500
# `name: text` and `a, b: text` in a docstring tell of fields.
_OF_FIELDS = re.compile(r"`?[a-z][a-z_]*`?(, `?[a-z][a-z_]*`?)*: ")


def reference() -> str:
    """The reference part of the page."""
    homes: dict[type[msgspec.Struct], Topic] = {}
    for topic in TOPICS:
        for value_type in types_of(topic):
            homes.setdefault(value_type, topic)
    within: dict[str, dict[str, Any]] = {}
    parts = ["## The topics\n\n" + _table(("topic", "kind", "key", "kept", "carries"), map(_topic_row, TOPICS))]
    for topic in TOPICS:
        parts.append(f"## What `{topic}` carries")
        for value_type in types_of(topic):
            schema = schema_of(value_type)
            if homes[value_type] is topic:
                parts.append(_type_section(value_type, schema, _example(topic, value_type)))
            within |= schema["$defs"]
    parts.append("## Values within others")
    parts += [_section(name, within[name]) for name in sorted(within) if name not in _HEADINGS]
    return "\n\n".join(parts) + "\n"


def by_hand() -> str:
    """What people have written: all up to the mark."""
    return PAGE.read_text().partition(MARK)[0]


def page() -> str:
    """The whole page."""
    return f"{by_hand()}{MARK}\n{reference()}"


def _topic_row(topic: Topic) -> tuple[str, ...]:
    told = next(each for each in index()["topics"] if each["name"] == topic.name)
    kept = "for ever" if topic.retention_ms == -1 else f"{topic.retention_ms // _HOUR_MS} h"
    carries = ", ".join(f"[`{tag_of(each)}`](#{_anchor(_heading(each))})" for each in types_of(topic))
    kept = "newest of each key" if kind_of(topic) == "state" else kept
    return f"`{topic}`", str(told["kind"]), topic.key, kept, carries


def _heading(value_type: type[msgspec.Struct]) -> str:
    name = file_of(value_type).removesuffix(".json")
    return tag_of(value_type) if name == tag_of(value_type) else f"{tag_of(value_type)} (record)"


# What the types of the topics are called here, by the names that the schemas have for them.
_HEADINGS = {value_type.__name__: _heading(value_type) for topic in TOPICS for value_type in types_of(topic)}


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def _type_section(value_type: type[msgspec.Struct], schema: dict[str, Any], example: Recorded) -> str:
    section = _section(_heading(value_type), schema["$defs"][value_type.__name__])
    line = f"{example.key or '(no key)'}  {msgspec.json.format(bytes(example.value), indent=-1).decode()}"
    return f"{section}\n\nFor example, {example.what}:\n\n```\n{line}\n```"


def _example(topic: Topic, value_type: type[msgspec.Struct]) -> Recorded:
    """The recorded value that shows most, as long as its line can be read."""
    examples = [each for each in recorded(topic) if each.tag == tag_of(value_type) and each.canonical]
    short = [each for each in examples if len(bytes(each.value)) <= _LINE]
    if short:
        return max(short, key=lambda each: len(bytes(each.value)))
    return min(examples, key=lambda each: len(bytes(each.value)))


def _section(heading: str, definition: dict[str, Any]) -> str:
    if "enum" in definition:
        return f"### {heading}\n\n{definition['description']}\n\n{_type(definition)}"
    required = set(definition.get("required", ()))
    rows = [
        (f"`{name}`", _type(field), "required" if name in required else _default(field))
        for name, field in definition["properties"].items()
    ]
    described = "\n".join(
        f"- {line}" if _OF_FIELDS.match(line) else line for line in definition.get("description", "").split("\n")
    )
    return "\n\n".join(filter(None, (f"### {heading}", described, _table(("field", "type", "when left out"), rows))))


def _default(field: dict[str, Any]) -> str:
    return f"`{msgspec.json.encode(field['default']).decode()}`" if "default" in field else "not set"


def _type(field: dict[str, Any]) -> str:
    """The type of a field in words."""
    match field:
        case {"$ref": ref}:
            heading = _HEADINGS.get(name := ref.rpartition("/")[2], name)
            return f"[`{heading}`](#{_anchor(heading)})"
        case {"anyOf": options}:
            return " or ".join(map(_type, options))
        case {"enum": values}:
            return " or ".join(f"`{msgspec.json.encode(value).decode()}`" for value in values)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": dict(values)} if values:
            return f"object of {_type(values)}"
        case {"type": "string", "contentEncoding": encoding}:
            return f"string ({encoding})"
        case {"type": "string", "pattern": pattern}:
            return f"string, `{pattern}`"
        case {"type": "string", "maxLength": length}:
            return f"string of at most {length} characters"
        case {"type": "integer", "minimum": low, "maximum": high}:
            return f"integer from {low} to {high}"
        case {"type": "integer", "minimum": low}:
            return f"integer from {low} on"
        case _:
            return str(field.get("type", "any value"))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def main() -> None:
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
