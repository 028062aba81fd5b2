"""`monitor.run_time_drift`: the runs of a job take nearly as long as they may."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.checks.packed_records import PACKER, definition_key
from processors.checks.rules import run_limit
from processors.checks.run_times import FAR, FEWEST, NEAR, note_run, run_limit_of
from processors.fold.contract import Effect
from processors.fold.view import View
from schemas.base import SECOND, encode
from schemas.check_states import CheckState, DefinitionCopy
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested
from schemas.run_times import RunTimes
from schemas.schedules import Cron
from tests.check_story import DAY, MINUTE, Story
from tests.folding import of_type

DRIFT = ("monitor.run_time_drift",)
LIMIT = 60


class Nights:
    """A job that runs each night and may take an hour."""

    def __init__(self, **definition: object) -> None:
        given = {"schedule": Cron("0 2 * * *", "UTC"), "grace": 7_200, "run_limit": LIMIT * MINUTE}
        self.story = Story(**given | definition)
        self.night = 0

    def run(self, *minutes: float, kind: str = "success") -> list[DeliveryRequested]:
        """So long the next runs take; what is told of them."""
        began = len(self.story.effects)
        for took in minutes:
            self.night += 1
            at = self.night * DAY + 2 * 3_600
            self.story.ping(at, "start")
            if took > LIMIT:
                self.story.tick(at + LIMIT * MINUTE)
            self.story.ping(at + took * MINUTE, kind)  # type: ignore[arg-type]
        return drifts(self.story.effects[began:])


def drifts(effects: list[Effect]) -> list[DeliveryRequested]:
    return [each for each in of_type(effects, DeliveryRequested) if each.notices == DRIFT]


def test_runs_that_take_longer_and_longer() -> None:
    nights = Nights()
    assert nights.run(40, 41, 42, 43, 44, 45, 46, 47, 48) == []
    [told] = nights.run(*range(49, 60))
    assert told.data["run_time"] == {"average_seconds": 2_889, "limit_seconds": 3_600, "percent_of_limit": 80}
    assert told.data["detail"] == "The last runs took 0:48:09 on average, 80% of the run limit of 1:00:00"
    assert told.data["incident"] is None
    assert told.data["monitor"]["current_status"] == "up"
    assert told.about is not None
    assert told.about.state.run_times is None  # type: ignore[union-attr]


def test_it_is_told_again_only_after_the_runs_were_short() -> None:
    nights = Nights()
    assert len(nights.run(*[50] * 5)) == 1
    assert nights.run(*[40] * 9, *[55] * 9) == []  # not below 60 % in between
    assert nights.run(*[10] * 9) == []
    assert len(nights.run(*[50] * 12)) == 1


def test_the_first_runs_tell_nothing() -> None:
    nights = Nights()
    assert nights.run(*[55] * (FEWEST - 1)) == []
    assert len(nights.run(55)) == 1


def test_one_run_that_hangs_is_no_drift() -> None:
    nights = Nights()
    nights.run(*[43] * 6)
    assert nights.run(300) == []
    assert nights.story.state.run_times == RunTimes(average=2_835 * SECOND, runs=FEWEST)


def test_runs_that_fail_and_pings_without_a_start_do_not_count() -> None:
    nights = Nights()
    nights.run(*[55] * 5, kind="fail")
    assert nights.story.state.run_times is None
    for _ in range(9):
        nights.night += 1
        nights.story.ping(nights.night * DAY)
    assert nights.story.state.run_times is None
    assert b"run_times" not in encode(nights.story.state)


def test_nobody_is_told_while_it_is_muted_but_by_the_next_run() -> None:
    nights = Nights(mute_until="forever")
    assert nights.run(*[55] * 6) == []
    nights.story.define(nights.story.time, mute_until=None)
    assert len(nights.run(55, 55)) == 1


def test_the_limit_that_counts_is_that_of_now() -> None:
    nights = Nights(run_limit=None, grace=7_200)
    assert nights.run(*[50] * 6) == []
    assert len(nights_with_limit(nights, 3_600).run(50)) == 1
    assert nights_with_limit(nights, 7_200).run(50) == []  # far from it again
    assert len(nights_with_limit(nights, 3_600).run(50)) == 1


def nights_with_limit(nights: Nights, seconds: int) -> Nights:
    nights.story.define(nights.story.time, run_limit=seconds)
    return nights


def test_ids_come_from_the_log_and_a_restart_changes_nothing() -> None:
    one, other = Nights(), Nights()
    for nights in (one, other):
        told = []
        for _ in range(12):
            if nights is other:
                nights.story.folding.restart()
            told += nights.run(55)
        assert len({each.transition for each in told}) == len(told) == 1
    assert one.story.folding.outcome() == other.story.folding.outcome()


limits = st.integers(1, 10**12)


@given(st.lists(st.tuples(st.integers(0, 2 * 10**12), limits), min_size=1, max_size=60), st.booleans())
def test_what_is_kept_is_small_and_what_is_told_is_true(runs: list[tuple[int, int]], muted: bool) -> None:
    """Told at most once between two times below the lower threshold, and only at the upper one; never while muted."""
    state = CheckState(version=1, muted=muted)
    told = False
    for n, (duration, limit) in enumerate(runs):
        tells = note_run(state, duration, limit)
        kept = state.run_times
        assert kept is not None
        assert 0 <= kept.average <= limit
        assert kept.runs <= FEWEST
        assert not (tells and muted)
        if kept.average * 100 < FAR * limit:
            told = False
        if tells:
            assert not told
            assert n + 1 >= FEWEST
            assert kept.average * 100 >= NEAR * limit
            told = True
        assert kept.told == told


@given(st.integers(0, 7_299), st.integers(0, 10**12))
def test_a_single_run_crosses_nothing(share: int, duration: int) -> None:
    limit = 10_000 * SECOND
    state = replace(CheckState(version=1), run_times=RunTimes(average=share * SECOND, runs=FEWEST))
    assert not note_run(state, duration, limit)


@pytest.mark.parametrize("limit", [0, 1])
def test_a_limit_of_nothing_is_no_limit(limit: int) -> None:
    state = CheckState(version=1)
    assert [note_run(state, 0, limit) for _ in range(6)] == [False] * 6


@pytest.mark.parametrize("fields", [{}, {"grace": 60}, {"run_limit": 5}, {"grace": 60, "run_limit": 0}])
def test_the_limit_is_read_as_the_whole_definition_has_it(fields: dict[str, Any]) -> None:
    check = Check(id="c", project="p", version=1, created=0, name="x", **fields)
    view = View({definition_key("c"): DefinitionCopy(check=check)})
    view.pack_with(PACKER)
    assert run_limit_of(view, "c") == run_limit(check)
