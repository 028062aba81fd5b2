"""What is packed comes out as it was, and takes few bytes."""

import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.base import encode
from schemas.check_states import CheckState, CheckStatesRecord, Run
from schemas.definitions import Check
from schemas.packing import Packing, id_key, long_id, short_id
from schemas.schedules import Cron, OnCalendar, Simple
from schemas.topics import CHECK_STATES
from tests.recorded import recorded

ID, PROJECT, CHANNEL = (str(uuid.uuid5(uuid.NAMESPACE_OID, name)) for name in ("check", "project", "channel"))
CHECK = Check(id=ID, project=PROJECT, version=7, created=1_795_000_000_000_000, name="ü" * 9, slug="a", grace=900)
PACKING = Packing(Check, ids=("project", "channels"), without=("id",))


@pytest.mark.parametrize("id", [ID, ID.upper(), "p", "", "x" * 36, "0" * 32, ID[:-1], ID + "\n"])
def test_any_id_comes_out_as_it_was(id: str) -> None:
    assert long_id(short_id(id)) == id


@pytest.mark.parametrize(
    "check",
    [
        CHECK,
        replace(CHECK, project="p", channels=(CHANNEL, "hook")),
        replace(
            CHECK, schedule=Cron(expression="0 2 * * *", tz="Europe/Riga"), late_limit=1, run_limit=0, methods="POST"
        ),
        replace(
            CHECK, schedule=OnCalendar(expression="daily", tz="UTC"), filter_http_body=True, channels=(CHANNEL,) * 9
        ),
        replace(CHECK, schedule=Simple(period=3600), desc="d" * 4_000, tags="a b", manual_resume=True),
    ],
)
def test_a_check_comes_out_as_it_was(check: Check) -> None:
    assert PACKING.unpack(PACKING.pack(check), id=check.id) == check


def test_every_recorded_state_comes_out_as_it_was() -> None:
    packing = Packing(CheckState)
    decode = msgspec.json.Decoder(CheckStatesRecord).decode
    states = [state for line in recorded(CHECK_STATES) if isinstance(state := decode(line.value), CheckState)]
    assert any(state.runs for state in states)
    for state in states:
        assert packing.unpack(packing.pack(state)) == state


@given(a=st.uuids(), b=st.uuids())
def test_keys_of_ids_differ_as_the_ids_do(a: uuid.UUID, b: uuid.UUID) -> None:
    texts = [str(a), str(b), str(a).upper(), a.hex, str(a.int), f"{a}/x"]
    assert len({id_key(text) for text in texts}) == len(set(texts))


def test_a_field_left_out_has_its_default() -> None:
    state = CheckState(version=1, stamped=(1, 2), runs=(Run(started=5, rid=ID),))
    packing = Packing(CheckState, without=("stamped",))
    assert packing.unpack(packing.pack(state)) == replace(state, stamped=())


def test_few_bytes() -> None:
    assert len(PACKING.pack(CHECK)) < len(encode(CHECK)) / 2
