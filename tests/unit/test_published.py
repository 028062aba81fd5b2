"""The published JSON Schemas are those of the code, and say which topic carries what."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.schema_files import FOLDER, stale, write
from schemas.published import INDEX, file_of, files, index, schema_of, tag_of, types_of
from schemas.requests import CheckCreate
from schemas.topics import TOPICS
from tests.recorded import all_recorded

TYPES = sorted({value_type for topic in TOPICS for value_type in types_of(topic)}, key=file_of)


def test_the_files_are_current() -> None:
    assert not stale(), "run `python -m infra.schema_files` and commit what it writes"


def test_every_type_has_a_file_of_its_own() -> None:
    assert sorted(files()) == sorted({INDEX, *map(file_of, TYPES)})
    assert len({file_of(each) for each in TYPES}) == len(TYPES)
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(files())


def test_index_tells_every_topic() -> None:
    told = {topic["name"]: topic for topic in index()["topics"]}
    assert list(told) == [topic.name for topic in TOPICS]
    assert {name: topic["kind"] for name, topic in told.items()} == {
        "projects": "journal",
        "pings": "journal",
        "probe-results": "journal",
        "deliveries": "journal",
        "definitions": "state",
        "check-states": "state",
        "monitor-states": "state",
        "delivery-states": "state",
        "key-uses": "state",
        "transitions": "stream",
        "decisions": "stream",
        "dead-letters": "stream",
        "heartbeats": "stream",
    }
    assert {"type": "ping.received", "schema": "ping.received.json"} in told["pings"]["carries"]
    assert {"type": "gap", "schema": "gap.json"} in told["transitions"]["carries"]
    assert {"type": "gap", "schema": "gap.state.json"} in told["check-states"]["carries"]


@pytest.mark.parametrize("value_type", TYPES, ids=file_of)
def test_schemas_are_fit_for_other_languages(value_type: type[msgspec.Struct]) -> None:
    for node in nodes(schema_of(value_type)):
        assert not str(node.get("pattern", "")).endswith(r"\Z"), "in ECMA 262 that is the letter Z"
        assert node.get("additionalProperties") is not False, "fields of later versions must pass"
        assert "\n  " not in str(node.get("description", ""))


def test_the_pattern_of_a_slug() -> None:
    assert schema_of(CheckCreate)["$defs"]["CheckFields"]["properties"]["slug"]["pattern"] == "^[a-z0-9_-]*$"


def test_recorded_values_hold_only_fields_of_their_schema() -> None:
    for topic, record in all_recorded():
        if record.canonical:
            value_type = next(each for each in types_of(topic) if tag_of(each) == record.tag)
            schema = schema_of(value_type)
            definition = schema["$defs"][schema["$ref"].rpartition("/")[2]]
            value = set(msgspec.json.decode(record.value))
            assert set(definition["required"]) <= value <= set(definition["properties"])


def test_writing_mends_what_is_stale(tmp_path: Path) -> None:
    assert write(tmp_path) == sorted(files())
    assert stale(tmp_path) == []
    (tmp_path / "tick.json").write_text("{}")
    (tmp_path / "of-yesterday.json").write_text("{}")
    (tmp_path / INDEX).unlink()
    assert stale(tmp_path) == write(tmp_path) == [INDEX, "of-yesterday.json", "tick.json"]
    assert stale(tmp_path) == []


def nodes(schema: Any) -> list[dict[str, Any]]:
    """Every object within a schema, properties and definitions included."""
    if isinstance(schema, list):
        return [node for each in schema for node in nodes(each)]
    return [schema, *nodes(list(schema.values()))] if isinstance(schema, dict) else []
