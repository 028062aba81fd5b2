"""Windows of maintenance over heartbeat checks: compared with what is open second by second, split and restarted
anywhere; healthy jobs raise no alarm, and those that have stopped are found."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.checks.fold import Checks
from schemas.base import SECOND, Micros
from schemas.check_states import visible_status
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, MaintenanceDefined, MaintenanceRemoved, Once, Recurring, Window
from schemas.schedules import Cron, Simple
from schemas.transitions import StatusChanged
from tests.check_story import CHECK, HOUR, MINUTE, Story, clock, notices, t
from tests.folding import Folding, of_type

STEP = 60
HOURS = 5
SCHEDULES = (Cron("*/30 * * * *", "Europe/Berlin"), Simple(1800))
GRACES = (5 * MINUTE, 40 * MINUTE)
NAMES: tuple[dict[str, Any], ...] = (
    {"everything": True},
    {"checks": (CHECK,)},
    {"tags": ("web",)},
    {"tags": ("other",)},
    {"monitors": (CHECK,)},
    {"project": "q", "everything": True},
)
COVERING = NAMES[:3]

moments = st.integers(0, HOURS * HOUR // STEP)
# When it is said, from when (0: from then), for how long, of which of two windows, what it names.
definitions = st.tuples(moments, st.integers(-20, 20), st.integers(1, 70), st.integers(0, 1), st.sampled_from(NAMES))
removals = st.tuples(moments, st.integers(0, 1))
pings = st.tuples(moments, st.sampled_from(["success", "success", "fail", "start"]))


class World(Story):
    """A story that knows itself which windows are open."""

    def __init__(self, **definition: Any) -> None:
        super().__init__(tags="web", **definition)
        self.windows: dict[str, Maintenance] = {}
        self.made = 0

    def announce(self, at: float, what: Window, number: int = 0, **names: Any) -> None:
        self.made += 1
        id = derived_id("window", str(number))
        fields: dict[str, Any] = {"id": id, "project": "p", "created": t(0), "revised": t(at), "name": "w"}
        window = Maintenance(**fields | {"version": self.made, "window": what} | names)
        self.windows[id] = window
        self.tell(MaintenanceDefined(at=t(at), maintenance=window), at, key=id)

    def withdraw(self, at: float, number: int) -> None:
        id = derived_id("window", str(number))
        self.windows.pop(id, None)
        self.tell(MaintenanceRemoved(at=t(at), id=id), at, key=id)

    def is_open(self, at: float) -> bool:
        """Whether one is open over the check, told without the code of the product; those that come once only."""
        for window in self.windows.values():
            assert isinstance(window.window, Once)
            names = {name for name in ("everything", "checks", "tags", "monitors") if getattr(window, name)}
            covers = window.project == "p" and (names & {"everything", "checks"} or "web" in window.tags)
            if covers and window.window.start <= t(at) < window.window.end:
                return True
        return False


def events(*kinds: tuple[str, list[Any]]) -> list[tuple[int, str, Any]]:
    found = [(one[0], kind, one) for kind, ones in kinds for one in ones]
    return sorted(found, key=lambda event: event[:2])


def play(world: World, said: list[tuple[int, str, Any]], each: Any = None, ticked: Any = None) -> None:
    for number in range(HOURS * HOUR // STEP):
        at = float(number * STEP)
        world.tick(at)
        if ticked is not None:
            ticked(at)
        while said and said[0][0] <= number:
            _, kind, one = said.pop(0)
            if kind == "define":
                _, start, length, which, names = one
                begin = max(0, number + start) * STEP
                world.announce(at, Once(t(begin), t(begin + length * STEP)), which, **names)
            elif kind == "remove":
                world.withdraw(at, one[1])
            else:
                world.ping(at, one[1])
        if each is not None:
            each(at)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(definitions, max_size=5),
    st.lists(removals, max_size=2),
    st.lists(pings, max_size=12),
    st.sampled_from(SCHEDULES),
    st.sampled_from(GRACES),
)
def test_what_is_open_second_by_second(
    defined: list[Any], removed: list[Any], pinged: list[Any], schedule: Any, grace: int
) -> None:
    """However windows are opened late, extended, ended and removed: what is covered is shown so, and accuses nobody."""
    world = World(schedule=schedule, grace=grace)
    heard = 0

    def ticked(at: float) -> None:
        nonlocal heard
        for change in of_type(world.effects[heard:], StatusChanged):
            if change.now in ("late", "down", "not_observed"):
                assert not world.is_open((change.at - t(0)) / SECOND), change
        heard = len(world.effects)

    def each(at: float) -> None:
        nonlocal heard
        heard = len(world.effects)
        shown = visible_status(world.state)
        assert (shown == "maintenance") == (world.is_open(at) and shown != "down"), (at, shown)

    play(world, events(("define", defined), ("remove", removed), ("ping", pinged)), each, ticked)
    assert not [change for change in of_type(world.effects, StatusChanged) if change.now == change.was]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(definitions, max_size=4), st.lists(removals, max_size=2), st.lists(pings, max_size=10),
    st.sampled_from(SCHEDULES), st.data(),
)  # fmt: skip
def test_batches_restarts_and_redelivery_change_nothing(
    defined: list[Any], removed: list[Any], pinged: list[Any], schedule: Any, data: st.DataObject
) -> None:
    world = World(schedule=schedule, grace=GRACES[0])
    play(world, events(("define", defined), ("remove", removed), ("ping", pinged)))
    journal = world.journal
    cuts = sorted(data.draw(st.sets(st.integers(0, len(journal)), max_size=8), "cuts"))
    pieces = Folding(Checks())
    for start, end in pairwise([0, *cuts, len(journal)]):
        again = data.draw(st.integers(0, 5), "redelivered")
        pieces.feed(journal[max(0, start - again) : end])
        if data.draw(st.booleans(), "restart"):
            pieces.restart()
    assert pieces.outcome() == world.folding.outcome()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(definitions, max_size=4), st.lists(pings, max_size=6), st.sampled_from(SCHEDULES),
    st.sets(moments, max_size=30), st.booleans(),
)  # fmt: skip
def test_how_often_it_ticks_changes_nothing(
    defined: list[Any], pinged: list[Any], schedule: Any, ticked: set[int], recurs: bool
) -> None:
    """Windows that are announced in good time open and close as they should, be many of them passed by one tick."""
    outcomes = []
    for often in (True, False):
        world = World(schedule=schedule, grace=GRACES[0])
        for _, start, length, which, names in defined:
            begin = abs(start) * 8 * STEP + 60
            world.announce(0, Once(t(begin), t(begin + length * STEP)), which, **names)
        if recurs:
            world.announce(0, Recurring(Cron("25,55 * * * *", "UTC"), 600), 2, everything=True)
        said = events(("ping", pinged))
        for number in range(1, HOURS * HOUR // STEP + 1):
            due = [one for _, _, one in said if one[0] == number]
            if often or due or number in ticked or number == HOURS * HOUR // STEP:
                world.tick(number * STEP)
            for one in due:
                world.ping(number * STEP, one[1])
        changes = [(one.was, one.now, one.reason, one.at, one.detail) for one in of_type(world.effects, StatusChanged)]
        outcomes.append((changes, visible_status(world.state), world.state.base, world.state.excused))
    assert outcomes[0] == outcomes[1]


@settings(max_examples=50, deadline=None)
@given(st.lists(definitions, max_size=6), st.integers(0, 120), st.sampled_from(GRACES))
def test_a_healthy_job_that_windows_keep_from_its_work_raises_no_alarm(
    defined: list[Any], late: int, grace: int
) -> None:
    """A job by cron: it does not run when a window is open at its moment, or opens before it is done."""
    world = World(schedule=SCHEDULES[0], grace=grace)
    world.ping(0)
    due: Micros | None = None

    def each(at: float) -> None:
        nonlocal due
        if at % (30 * MINUTE) == 0:
            due = round(at)
        if due is not None and world.is_open(at):
            due = None
        if due is not None and at - due >= late:
            world.ping(at)
            due = None

    play(world, events(("define", defined)), each)
    assert notices(world.effects) == []


@settings(max_examples=50, deadline=None)
@given(
    st.lists(definitions, max_size=4), st.lists(removals, max_size=2), st.sampled_from(SCHEDULES),
    st.sampled_from(GRACES), st.integers(0, 59), st.integers(1, 20), st.booleans(),
)  # fmt: skip
def test_a_job_that_has_stopped_is_found(
    defined: list[Any], removed: list[Any], schedule: Any, grace: int, minute: int, minutes: int, recurs: bool
) -> None:
    """Nobody is forgotten: at the latest by the second deadline after the last of the windows that come once, be there
    others every hour, unless each of its moments is in one."""
    world = World(schedule=schedule, grace=grace)
    world.ping(0)
    play(world, events(("define", defined), ("remove", removed)))
    end = HOURS * HOUR + 120 * STEP
    if recurs and not _is_near(minute, minutes, grace):
        world.announce(HOURS * HOUR, Recurring(Cron(f"{minute} * * * *", "UTC"), minutes * 60), 2, everything=True)
    for at in range(HOURS * HOUR, end + 4 * HOUR, 2 * STEP):
        world.tick(at)
    told = notices(world.effects)
    assert told.count("monitor.down") == 1, visible_status(world.state)


def _is_near(minute: int, minutes: int, grace: int) -> bool:
    """Whether a window of each hour is open when the job is due, or at its deadline."""
    moments = [clock("00:00") + half * 30 + extra for half in (0, 1, 2) for extra in (0, grace / 60)]
    return any(
        minute <= moment % 60 <= minute + minutes or minute <= moment % 60 + 60 <= minute + minutes
        for moment in moments
    )
