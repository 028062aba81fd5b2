"""Which versions folded what is recorded once per change, and states of a newer version are not opened."""

from typing import Any

import msgspec
import pytest

from infra.log.reading import Stored
from pingfold.folds import FOLDS
from processors.fold.contract import Fold, Record, Session
from processors.fold.epochs import MOST_EPOCHS, NewerStates, Versions, begun, epochs_of, must_be_known
from processors.fold.view import View
from processors.runtime import loading
from schemas.base import Value, encode
from schemas.schedules import SCHEDULES_VERSION
from schemas.ticks import PROGRESS_KEY, Epoch, Progress
from tests.recorded import recorded
from tests.toy_fold import Added, Total, Toy

FOLD = Toy("toy").folds[0]


class Inner(Value, tag="inner"):
    number: int = 0


class Outer(Value, tag="outer"):
    one: Inner | None = None
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] = msgspec.field(default_factory=dict)
    anything: dict[str, Any] = msgspec.field(default_factory=dict)


def step(states: dict[str, msgspec.Struct], offsets: range, version: int, tzdata: str = "2026a") -> Progress:
    """Fold events at these offsets with a version of the toy fold; the partition's record then, as JSON has it."""
    fold = Toy("toy", version).folds[0]
    session = Session(fold, 0, View(states), tzdata)
    session.step([Record(offset, 0, b"thing", encode(Added(number=1))) for offset in offsets])
    states |= dict(session.view.items())
    return msgspec.json.decode(encode(session.progress), type=Progress)


def test_an_epoch_begins_where_a_version_changes() -> None:
    states: dict[str, msgspec.Struct] = {}
    step(states, range(10), 1)
    step(states, range(10, 20), 1)
    step(states, range(18, 20), 2)  # nothing new was folded: nothing begins
    step(states, range(18, 30), 2)
    progress = step(states, range(30, 40), 2, "2026b")
    assert progress.epochs == (
        Epoch(offset=0, fold=1, tzdata="2026a", schedules=SCHEDULES_VERSION),
        Epoch(offset=20, fold=2, tzdata="2026a", schedules=SCHEDULES_VERSION),
        Epoch(offset=30, fold=2, tzdata="2026b", schedules=SCHEDULES_VERSION),
    )


def test_states_from_before_epochs_were_kept() -> None:
    """Their versions are those of all that was folded; the libraries of schedules are not known."""
    old = msgspec.json.decode(b'{"type":"partition","applied":9,"fold":1,"tzdata":"2026a"}', type=Progress)
    assert epochs_of(old) == (Epoch(offset=0, fold=1, tzdata="2026a", schedules=""),)
    assert epochs_of(Progress()) == ()
    assert Versions(1, "2026a", "").explains(Versions(1, "2026a", "2.8/1.1"))
    assert not Versions(1, "2026a", "2.7/1.1").explains(Versions(1, "2026a", "2.8/1.1"))
    progress = step({PROGRESS_KEY: old}, range(10, 12), 1)
    assert [epoch.offset for epoch in progress.epochs] == [0, 10]


def test_epochs_are_bounded() -> None:
    progress = Progress(applied=0)
    for number in range(MOST_EPOCHS + 5):
        progress.epochs = begun(progress, number, Versions(number, "2026a"))
    assert [epoch.offset for epoch in progress.epochs] == list(range(5, MOST_EPOCHS + 5))


def test_states_of_a_newer_version_are_not_opened() -> None:
    states: dict[str, msgspec.Struct] = {}
    step(states, range(3), 2)
    with pytest.raises(NewerStates, match="toy-states/0 was written by version 2 of its fold, and this is version 1"):
        Session(FOLD, 0, View(states))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"type": "outer", "one": {"type": "inner", "number": 1}}, ""),
        ({"type": "outer", "one": {"type": "inner", "number": 0}, "many": []}, ""),
        ({"type": "outer", "anything": {"new": {"new": 1}}}, ""),
        ({"type": "outer", "new": None}, "new"),
        ({"type": "outer", "one": {"type": "inner", "new": 1}}, "one.new"),
        ({"type": "outer", "many": [{"type": "inner"}, {"type": "inner", "new": 1}]}, "many.new"),
        ({"type": "outer", "named": {"a": {"type": "inner", "new": 1}}}, "named.a.new"),
    ],
)
def test_a_field_that_would_be_lost_is_found(value: dict[str, Any], found: str) -> None:
    raw = msgspec.json.encode(value)
    record = msgspec.json.decode(raw, type=Outer)
    if found:
        with pytest.raises(NewerStates, match=rf"states/1 holds, under key, .*\({found}\)"):
            must_be_known("states/1", "key", raw, record)
    else:
        must_be_known("states/1", "key", raw, record)


class Kafka:
    """What `load_states` reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records: dict[str, bytes] = {}
        monkeypatch.setattr(loading, "read_to_end", self._read)

    def _read(self, *_: Any) -> list[Stored]:
        return [
            Stored(0, offset, 0, key.encode(), value, None) for offset, (key, value) in enumerate(self.records.items())
        ]

    def load(self, version: int) -> dict[str, msgspec.Struct]:
        return loading.load_states("", FOLD.states, 0, FOLD.records, 9, version)


def test_what_would_be_lost_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = Kafka(monkeypatch)
    kafka.records = {
        "thing": b'{"type":"total","count":3,"added-later":1}',
        PROGRESS_KEY: encode(Progress(applied=4, epochs=(Epoch(fold=2),))),
    }
    with pytest.raises(NewerStates, match="version 2"):
        kafka.load(1)
    with pytest.raises(NewerStates, match="added-later"):
        kafka.load(2)
    assert kafka.load(3)["thing"] == Total(count=3)  # an upgrade knows what it drops
    kafka.records["thing"] = b'{"type":"other","count":3}'
    with pytest.raises(NewerStates, match="cannot read"):
        kafka.load(2)
    kafka.records = {"thing": encode(Total(count=3))}
    assert kafka.load(1) == {"thing": Total(count=3)}


@pytest.mark.parametrize("fold", FOLDS, ids=lambda fold: fold.name)
def test_recorded_states_have_no_unknown_fields(fold: Fold) -> None:
    """Nothing that we have ever written is taken for something newer."""
    for one in recorded(fold.states):
        must_be_known(fold.states.name, one.key, bytes(one.value), fold.records.decode(one.value))
