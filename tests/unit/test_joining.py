"""Spans that do not join: what was deleted is counted, and folding goes on behind it; what is missing is waited for."""

import pytest
from prometheus_client import REGISTRY

from processors.runtime import joining
from processors.runtime.joining import Hole, Joining
from processors.runtime.stream import Span

SPAN = Span("pings", 3, 1, start=20, next=22, records=[], size=0)


def gone() -> float:
    return REGISTRY.get_sample_value("pingfold_fold_events_gone_total", {"journal": "pings"}) or 0.0


def joins(begin: int, rewound: list[int]) -> Joining:
    async def first() -> int:
        return begin

    async def rewind(offset: int) -> None:
        rewound.append(offset)

    return Joining("pings/3", 5, first, rewind)


async def test_what_the_journal_does_not_hold_any_more_is_counted() -> None:
    before, rewound = gone(), list[int]()
    one = joins(20, rewound)
    assert await one.records([SPAN], applied=4) == []
    assert (one.next, gone() - before, rewound) == (22, 15, [])


async def test_what_it_holds_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "_PAUSE_SECONDS", 0.0)
    before, rewound = gone(), list[int]()
    one = joins(0, rewound)
    for _ in range(joining._TRIES):
        assert await one.records([SPAN], applied=4) == []
    with pytest.raises(Hole, match="pings/3: 5 to 19 did not come"):
        await one.records([SPAN], applied=4)
    assert set(rewound) == {5}
    assert gone() == before
