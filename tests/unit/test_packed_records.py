"""Records that a view keeps packed are for the fold what they were, and take few bytes."""

import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.checks.packed_records import PACKER
from processors.fold.packed import Packer
from processors.fold.view import View
from processors.projects import packed_records as of_projects
from schemas.base import Value, encode
from schemas.check_states import CheckState, CheckStatesRecord, DefinitionCopy
from schemas.definitions import Check
from schemas.topics import CHECK_STATES
from tests.recorded import recorded


class Many(Value, tag="many"):
    value: int


class Few(Value, tag="few"):
    value: int


DECODE = msgspec.msgpack.Decoder(Many).decode
MANY = Packer({Many: msgspec.msgpack.encode}, DECODE, lambda _: Many)

DIGITS = st.integers(0, 9)
KEYS = st.sampled_from("abc")
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.builds(Many, value=DIGITS) | st.builds(Few, value=DIGITS)),
        st.tuples(st.just("edit"), KEYS, st.integers(10, 19)),
        st.tuples(st.just("delete"), KEYS, st.none()),
        st.tuples(st.sampled_from(["undo", "keep", "take"]), st.none(), st.none()),
    ),
    max_size=30,
)  # fmt: skip


def does(view: View, name: str, key: Any, argument: Any) -> dict[str, msgspec.Struct | None]:
    """One operation; what it took."""
    if name == "put":
        view.put(key, msgspec.structs.replace(argument))
    elif name == "edit" and key in view:
        record: Any = view.edit(type(view.get(key)), key)
        record.value = argument
    elif name == "delete":
        view.delete(key)
    elif name == "undo":
        view.undo()
    elif name in ("keep", "take"):
        view.keep()
    return view.take_changes() if name == "take" else {}


def watched(view: View) -> list[tuple[str, Any, Any]]:
    """What its listeners hear from now on."""
    heard: list[tuple[str, Any, Any]] = []
    view.listeners.append(lambda *change: heard.append(change))
    return heard


@given(operations=OPERATIONS)
def test_a_view_that_packs_is_as_one_that_does_not(operations: list[tuple[str, Any, Any]]) -> None:
    packing, plain = View({"a": Many(value=1), "b": Few(value=2)}), View({"a": Many(value=1), "b": Few(value=2)})
    packing.pack_with(MANY)
    heard, wanted = watched(packing), watched(plain)
    for operation in operations:
        assert does(packing, *operation) == does(plain, *operation)
        assert dict(packing.items()) == dict(plain.items())
        assert dict(packing.items_of(Many)) == dict(plain.items_of(Many))
        assert dict(packing.items_of(Few)) == dict(plain.items_of(Few)) == dict(packing.items_but_packed())
        assert [packing.get(key) for key in "abcd"] == [plain.get(key) for key in "abcd"]
        assert packing.changed == plain.changed
        assert packing.touched() == plain.touched()
        packed = {key: DECODE(value) for key, value in packing.packed_items(Many)}
        assert packed == dict(plain.items_of(Many))
        assert all(packing.packed(key) == msgspec.msgpack.encode(record) for key, record in packed.items())
    assert heard == wanted


def test_what_was_packed_stays_as_it_was_while_a_copy_is_edited() -> None:
    view = View({"a": Many(value=1)})
    view.pack_with(MANY)
    view.edit(Many, "a").value = 2
    assert view.edit(Many, "a").value == 2
    view.undo()
    assert view.get("a") == Many(value=1)
    assert view.packed("none") is None
    assert len(view) == 1


def test_a_record_that_is_packed_has_its_type() -> None:
    view = View({"a": Many(value=1)})
    view.pack_with(MANY)
    with pytest.raises(AssertionError):
        view.edit(Few, "a")


def records() -> dict[str, msgspec.Struct]:
    """Every recorded state of checks, by a key of its own."""
    decode = msgspec.json.Decoder(CheckStatesRecord).decode
    return {f"{number}": decode(line.value) for number, line in enumerate(recorded(CHECK_STATES)) if line.value}


def test_every_recorded_state_of_checks_comes_out_as_it_was() -> None:
    view, plain = View(records()), records()
    view.pack_with(PACKER)
    assert {CheckState, DefinitionCopy} <= {type(record) for record in plain.values()}
    assert dict(view.items()) == plain
    assert dict(view.items_but_packed()) == {
        key: record for key, record in plain.items() if not isinstance(record, CheckState | DefinitionCopy)
    }
    assert {key: encode(record) for key, record in view.items()} == {key: encode(each) for key, each in plain.items()}


ID, PROJECT, CHANNEL = (str(uuid.uuid5(uuid.NAMESPACE_OID, name)) for name in ("check", "project", "channel"))
CHECK = Check(id=ID, project=PROJECT, version=7, created=9, tags="a b", run_limit=5, token="t", channels=(CHANNEL, "x"))


class Part(msgspec.Struct):
    token: str
    project: str
    channels: tuple[str, ...]
    created: int
    run_limit: int | None


@pytest.mark.parametrize(("record", "packer"), [(DefinitionCopy(check=CHECK), PACKER), (CHECK, of_projects.PACKER)])
def test_a_definition_takes_half_the_bytes(record: Any, packer: Packer) -> None:
    packed = packer.pack[type(record)](record)
    assert packer.unpack(packed) == record
    assert packer.type_of(packed) is type(record)
    assert len(packed) < len(encode(record)) / 2


def test_a_part_of_a_definition_is_read_alone() -> None:
    packed = of_projects.PACKER.pack[Check](CHECK)
    assert of_projects.part_of_check(Part)(packed) == Part("t", PROJECT, (CHANNEL, "x"), 9, 5)
