"""What Pingfold publishes about its topics: which types each of them carries, and a JSON Schema for each type.

The contract:

- `CARRIES` is complete: every topic, and in it every type that may stand there. The folds decode by the same unions.
- `files` gives the content of `schemas/json/`, byte for byte the same on every machine; it is a function of the code
  alone. `python -m infra.schema_files` writes it, since nothing here does I/O.
- A schema's file is named by the type's tag. `index.json` says which topic carries what, and under which file name.
- The schemas tell what a valid value looks like. Unknown fields are allowed and ignored.
"""

from typing import Any, Literal, TypeAlias, get_args

import msgspec

from schemas import topics
from schemas.ticks import Gap, Tick
from schemas.topics import Cleanup, Topic

Kind: TypeAlias = Literal["journal", "state", "stream"]

# Unions, as a decoder takes them.
CARRIES: dict[Topic, Any] = {topic: topic.carries for topic in topics.TOPICS}

INDEX = "index.json"

# The tag `gap` stands for an event in `transitions` and for a record in `check-states`, which are two types.
_OTHER_NAMES: dict[type[msgspec.Struct], str] = {Gap: "gap.state"}

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_UNITS = "Times are integers: microseconds since the Unix epoch, UTC."


def types_of(topic: Topic) -> tuple[type[msgspec.Struct], ...]:
    """The types that a topic carries."""
    carried = CARRIES[topic]
    return get_args(carried) or (carried,)


def kind_of(topic: Topic) -> Kind:
    """What the topic is for: a journal is told the time, a state topic is compacted, all others are streams."""
    if topic.cleanup is Cleanup.COMPACT:
        return "state"
    return "journal" if Tick in types_of(topic) else "stream"


def tag_of(value_type: type[msgspec.Struct]) -> str:
    """What stands in the field `type` of its values."""
    return str(value_type.__struct_config__.tag)


def file_of(value_type: type[msgspec.Struct]) -> str:
    """The name of its schema's file."""
    return f"{_OTHER_NAMES.get(value_type, tag_of(value_type))}.json"


def schema_of(value_type: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of a type, whole: what it refers to is in its `$defs`."""
    name = file_of(value_type).removesuffix(".json")
    schema: dict[str, Any] = portable(msgspec.json.schema(value_type))
    return {"$schema": _DIALECT, "$id": f"urn:pingfold:{name}", "$comment": _UNITS, **schema}


def index() -> dict[str, Any]:
    """Every topic, its contract and what it carries, in the order of the registry."""
    return {
        "topics": [
            {
                "name": topic.name,
                "key": topic.key,
                "kind": kind_of(topic),
                "cleanup": topic.cleanup.value,
                "retention_ms": topic.retention_ms,
                "carries": [{"type": tag_of(each), "schema": file_of(each)} for each in types_of(topic)],
            }
            for topic in topics.TOPICS
        ]
    }


def files() -> dict[str, bytes]:
    """Name and content of every file of `schemas/json/`."""
    types = {each for topic in topics.TOPICS for each in types_of(topic)}
    return {INDEX: _text(index())} | {file_of(each): _text(schema_of(each)) for each in sorted(types, key=file_of)}


def _text(document: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def portable(node: Any) -> Any:
    r"""What every reader of JSON Schema understands, the same from every Python.

    Patterns end in Python's `\Z`, which in a JSON Schema (ECMA 262) is the letter Z: there, `$` is the end of the text.
    Descriptions are docstrings, whose indentation Python keeps before 3.13 and strips since.
    """
    if isinstance(node, list):
        return [portable(each) for each in node]
    if not isinstance(node, dict):
        return node
    told = {name: portable(value) for name, value in node.items()}
    if isinstance(pattern := node.get("pattern"), str) and pattern.endswith(r"\Z"):
        told["pattern"] = pattern.removesuffix(r"\Z") + "$"
    if isinstance(description := node.get("description"), str):
        told["description"] = "\n".join(line.strip() for line in description.strip().split("\n"))
    return told
