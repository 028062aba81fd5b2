"""Which batches are folded on the event loop."""

import msgspec
import pytest

from processors.fold.contract import Record
from processors.runtime.short_batches import is_short
from schemas.base import encode
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested
from schemas.pings import CheckDefined, CheckPaused, Ping
from schemas.probes import DependencyChanged
from schemas.ticks import Tick

PING = Ping(kind="success", at=1)
TICK = Tick(slot="ticker", epoch=1, at=1, now=1)
CHECK = Check(id="c", project="p", version=1, created=1)


def record(event: msgspec.Struct) -> Record:
    return Record(0, 0, b"key", encode(event))


@pytest.mark.parametrize("event", [PING, DeliveryRequested(transition="t", at=1, notices=("monitor.down",), data={})])
def test_a_few_events_that_concern_one_thing_are_short(event: msgspec.Struct) -> None:
    assert is_short([record(event)])
    assert is_short([record(event)] * 32)
    assert not is_short([record(event)] * 33)


@pytest.mark.parametrize(
    "event",
    [
        TICK,
        CheckPaused(at=1),
        CheckDefined(at=1, check=CHECK),
        DependencyChanged(monitor="m", down=True, at=1),
    ],
)
def test_what_may_concern_many_is_not_short_and_makes_no_batch_short(event: msgspec.Struct) -> None:
    assert not is_short([record(event)])
    assert not is_short([record(PING), record(event), record(PING)])


def test_large_events_are_not_short() -> None:
    large = record(msgspec.structs.replace(PING, body="x" * 40_000))
    assert is_short([large])
    assert not is_short([large, large])


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"at":1,"type":"ping.received"}'])
def test_what_is_not_known_is_not_short(value: bytes | None) -> None:
    assert not is_short([Record(0, 0, None, value)])
