"""Every event and state that was ever recorded decodes to what it meant then (tests/recorded.py)."""

from base64 import b64encode
from collections.abc import Iterator
from enum import Enum
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Struct, structs

from schemas.base import encode
from schemas.published import CARRIES, tag_of, types_of
from schemas.topics import TOPICS, Topic
from tests.recorded import FOLDER, all_recorded, recorded

each_topic = pytest.mark.parametrize("topic", TOPICS, ids=str)


def decode(topic: Topic, value: bytes) -> Struct:
    decoded: Struct = msgspec.json.decode(value, type=CARRIES[topic])
    return decoded


def plain(value: object) -> Any:
    """A decoded value as JSON could tell it, with every field that has a value, defaults included."""
    if isinstance(value, Struct):
        tag = value.__struct_config__.tag
        names = zip(value.__struct_encode_fields__, structs.asdict(value).values(), strict=True)
        fields = {name: plain(field) for name, field in names if field is not UNSET}
        return fields if tag is None else {"type": tag, **fields}
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    if isinstance(value, Enum):
        return value.value
    return b64encode(value).decode() if isinstance(value, bytes) else value


def holds(got: Any, noted: Any) -> bool:
    """Whether `got` says all that was noted; a field that came into being later may stand beside it."""
    if isinstance(noted, dict):
        return isinstance(got, dict) and all(name in got and holds(got[name], noted[name]) for name in noted)
    if isinstance(noted, list):
        return isinstance(got, list) and len(got) == len(noted) and all(map(holds, got, noted))
    return bool(got == noted and type(got) is type(noted))


@each_topic
def test_it_means_what_it_meant(topic: Topic) -> None:
    for record in recorded(topic):
        got = plain(decode(topic, record.value))
        assert holds(got, record.decoded), f"{record.what}: {got} is not {record.decoded}"


@each_topic
def test_it_would_be_written_the_same_today(topic: Topic) -> None:
    for record in recorded(topic):
        value = decode(topic, record.value)
        assert decode(topic, encode(value)) == value, record.what
        same = encode(value) == msgspec.json.format(bytes(record.value), indent=-1)
        assert same is record.canonical, record.what


@each_topic
def test_fields_of_later_versions_are_ignored(topic: Topic) -> None:
    for record in recorded(topic):
        grown = msgspec.json.encode(with_more(msgspec.json.decode(record.value)))
        assert decode(topic, grown) == decode(topic, record.value), record.what


def with_more(value: Any) -> Any:
    """The value with an unknown field in every object of ours."""
    if isinstance(value, list):
        return [with_more(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    more = {"of_tomorrow": {"type": "surprise", "n": [1]}} if "type" in value else {}
    return {name: with_more(inner) for name, inner in value.items()} | more


@each_topic
def test_every_type_is_recorded_in_its_least_form(topic: Topic) -> None:
    least = [set(msgspec.json.decode(record.value)) for record in recorded(topic)]
    for value_type in types_of(topic):
        required = {"type", *(field.encode_name for field in structs.fields(value_type) if field.required)}
        tagged = [keys for keys, record in zip(least, recorded(topic), strict=True) if record.tag == tag_of(value_type)]
        assert tagged, f"{FOLDER}/{topic}.jsonl has no example of {value_type.__name__}"
        assert required in tagged, (
            f"{FOLDER}/{topic}.jsonl has no example of {value_type.__name__} with only {required}"
        )


def test_every_field_is_recorded_with_a_value_of_its_own() -> None:
    seen: dict[type[Struct], set[str]] = {}
    for topic, record in all_recorded():
        for value in structs_in(decode(topic, record.value)):
            told = seen.setdefault(type(value), set())
            told.update(f.name for f in structs.fields(value) if f.required or getattr(value, f.name) != default_of(f))
    missing = {
        f"{value_type.__name__}.{field.name}"
        for value_type, told in seen.items()
        for field in structs.fields(value_type)
        if field.name not in told
    }
    assert not missing, f"record an event or state that has {sorted(missing)}: add a line under {FOLDER}"


def structs_in(value: object) -> Iterator[Struct]:
    """A value and every value of ours within."""
    if isinstance(value, Struct):
        yield value
        value = structs.asdict(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        for inner in value:
            yield from structs_in(inner)


def default_of(field: structs.FieldInfo) -> object:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def test_records_of_definitions_are_keyed_by_kind_and_id() -> None:
    topic = next(topic for topic in TOPICS if topic.name == "definitions")
    for record in recorded(topic):
        alone = record.tag in ("partition", "tokens")
        assert record.key == (record.tag if alone else f"{record.tag}/{record.decoded['id']}")


@pytest.mark.parametrize(
    ("got", "noted"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": [1, 2]}, {"a": [1]}),
        ({"a": 1}, {"a": True}),
        ({"a": {"b": 1}}, {"a": {"b": 2}}),
    ],
)
def test_the_comparison_sees_a_difference(got: Any, noted: Any) -> None:
    assert not holds(got, noted)
    assert holds(got, got)
    assert holds({**got, "later": 1}, got)
