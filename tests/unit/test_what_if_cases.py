"""What is answered of one story after the other: windows, mutes, channels, confirmations, dependencies, and the borders
of the span."""

from pathlib import Path

import pytest

from infra.log.partitioner import partition_of
from pingfold.what_if.run import told_anew
from processors.checks.fold import Checks
from processors.fold.contract import Record
from processors.monitors.fold import Monitors
from processors.what_if.alerts import MOST_ALERTS, Room, Span, TooManyAlerts
from processors.what_if.dependencies import Retold, Telling, words_room
from processors.what_if.overlay import Overlay
from processors.what_if.refold import MANY, Refold, Start
from processors.what_if.selection import Selection
from schemas.base import SECOND
from schemas.maintenance import Maintenance, MaintenanceDefined, Once
from schemas.notice_choices import NoticesChosen
from schemas.notices import Notice
from schemas.probes import DependencyChanged
from schemas.schedules import Simple
from schemas.tag_mutes import TagMute, TagMuted, tag_mute_id
from schemas.topics import PINGS, PROBE_RESULTS, Topic
from schemas.what_if.answers import Case
from schemas.what_if.questions import Chosen
from schemas.what_if.settings import Change
from tests.replay_world import PARTITIONS
from tests.what_if_world import CHECK, MINUTE, ROUTER, SHOP, START, World, verdicts


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def everywhere(world: World, topic: Topic, key: str, event: MaintenanceDefined | TagMuted) -> None:
    for number in range(PARTITIONS):
        world.say(topic, key, event, number)


def window(world: World, topic: Topic, minutes: int) -> None:
    """Everything is in maintenance from a second ahead."""
    start = world.now + SECOND
    maintenance = Maintenance(
        id="w", project="p", version=1, created=START, revised=START, name="w", everything=True,
        window=Once(start, start + minutes * MINUTE),
    )  # fmt: skip
    everywhere(world, topic, "w", MaintenanceDefined(at=world.now, maintenance=maintenance))


def counts(case: Case) -> tuple[int, ...]:
    return case.sent, case.imagined, case.counts.spared, case.counts.added, case.counts.undecided


def test_without_windows_people_would_have_been_told(world: World) -> None:
    window(world, PINGS, 30)
    world.check_that_is_late()
    assert verdicts(world.ask(CHECK)) == []
    found = world.ask(CHECK, changes=(Change("maintenance", "none"),))
    assert [(one.verdict, one.imagined and one.imagined.told) for one in found.cases[0].alerts] == [
        ("added", START + 2 * MINUTE),
        ("undecided", START + 6 * MINUTE),
    ]


def test_without_windows_a_monitor_would_have_been_told_of(world: World) -> None:
    window(world, PROBE_RESULTS, 30)
    world.monitor(SHOP)
    world.probe({SHOP: range(3, 5)}, 8)
    assert verdicts(world.ask(SHOP)) == []
    assert verdicts(world.ask(SHOP, changes=(Change("maintenance", "none"),))) == ["added"]
    assert verdicts(world.ask(SHOP, changes=(Change("mute", "none"),))) == []


def test_without_its_own_mute_people_would_have_been_told(world: World) -> None:
    world.check_that_is_late(mute_until=world.now + 60 * MINUTE)
    assert verdicts(world.ask(CHECK)) == []
    assert verdicts(world.ask(CHECK, changes=(Change("mute", "none"),))) == ["added", "undecided"]
    assert verdicts(world.ask(CHECK, changes=(Change("maintenance", "none"),))) == []


def test_without_the_mute_of_a_tag_people_would_have_been_told(world: World) -> None:
    mute = TagMute(id=tag_mute_id("p", "night"), project="p", version=1, created=START, label="night")
    everywhere(world, PINGS, mute.id, TagMuted(at=world.now, mute=mute))
    world.check_that_is_late(tags="night")
    assert verdicts(world.ask(CHECK)) == []
    assert verdicts(world.ask(CHECK, changes=(Change("mute", "none"),))) == ["added", "undecided"]


def test_channels_take_what_they_take_now(world: World) -> None:
    world.check_that_is_late()
    for taken in (("monitor.down",), ("incident.created",)):
        assert counts(world.ask(CHECK, takes={"hook": taken}).cases[0])[:2] == (2, 2)
    assert counts(world.ask(CHECK, takes={"hook": ("monitor.recovered", "monitor.ssl_valid")}).cases[0])[:2] == (0, 0)
    assert counts(world.ask(CHECK, takes={"other": ()}).cases[0])[:2] == (
        2,
        2,
    )


def test_other_channels_would_have_been_told(world: World) -> None:
    world.check_that_is_late()
    takes = {"deaf": ("monitor.recovered",), "pager": ("monitor.down",), "hook": ("monitor.down",)}
    case = world.ask(CHECK, changes=(Change("channels", ("deaf", "pager")),), takes=takes).cases[0]  # type: ignore[arg-type]
    assert [one.verdict for one in case.alerts] == ["kept", "kept"]
    assert case.counts.changed == 2
    assert [one.imagined and one.imagined.channels for one in case.alerts] == [("pager",)] * 2
    both = world.ask(CHECK, changes=(Change("channels", ("pager", "hook", "chat")),)).cases[0]
    assert both.alerts[0].imagined is not None
    assert both.alerts[0].imagined.channels == ("chat", "hook", "pager")
    none = world.ask(CHECK, changes=(Change("channels", ()),)).cases[0]
    assert counts(none) == (2, 0, 1, 0, 1)


def test_more_confirmations_tell_later_or_not_at_all(world: World) -> None:
    world.monitor(SHOP)
    world.probe({SHOP: (*range(2, 3), *range(6, 16))}, 20)  # type: ignore[dict-item]
    sweep = tuple(Change("confirmations", number) for number in (1, 2, 3))
    found = world.ask(SHOP, sweep=sweep, short=5 * MINUTE)
    assert [counts(case)[1:3] for case in found.cases] == [(2, 0), (1, 1), (1, 1)]
    assert [case.short for case in found.cases] == [1, 0, 0]
    assert [(case.long_sent, case.missed, case.worst_delay) for case in found.cases] == [
        (1, 0, 0),
        (1, 0, MINUTE),
        (1, 0, 2 * MINUTE),
    ]
    assert any("a confirming probe that was never made" in note for note in found.notes)
    assert len(world.ask(SHOP, changes=(Change("recoveries", 2),)).notes) == 1
    assert world.ask(SHOP, changes=(Change("dependency_wait", 5),)).notes == []


def test_of_a_sweep_only_the_sums_are_kept(world: World) -> None:
    world.check_that_is_late()
    found = world.ask(CHECK, sweep=(Change("grace", 60), Change("grace", 240)))
    single = [world.ask(CHECK, changes=(change,)).cases[0] for change in (Change("grace", 60), Change("grace", 240))]
    for swept, alone in zip(found.cases, single, strict=True):
        assert (swept.alerts, swept.uptimes, swept.left_out) == ([], {}, 0)
        assert alone.alerts
        assert swept.in_all == alone.in_all
        assert (swept.counts, swept.sent, swept.imagined) == (alone.counts, alone.sent, alone.imagined)
        assert swept.median_delay == alone.median_delay


def test_how_much_later_the_long_ones_would_have_been_told(world: World) -> None:
    """Down times of 1, 6, 7 and 8 minutes; all but the first are long ones."""
    world.check()
    for minutes in (1, 6, 7, 8):
        world.ping()
        world.tick(1)
        for _ in range(minutes + 1):
            world.tick(1)
    world.ping()
    case = world.ask(CHECK, changes=(Change("grace", 180),)).cases[0]
    assert (case.sent, case.short_sent, case.long_sent, case.missed) == (4, 1, 3, 0)
    assert (case.median_delay, case.worst_delay) == (2 * MINUTE, 2 * MINUTE)
    assert (case.imagined, case.short, case.counts.spared, case.counts.later) == (3, 1, 1, 3)
    missed = world.ask(CHECK, changes=(Change("grace", 8 * 60),)).cases[0]
    assert (missed.long_sent, missed.missed, missed.worst_delay) == (3, 1, 7 * MINUTE)
    sooner = world.ask(CHECK, changes=(Change("late_limit", 0),)).cases[0]
    assert (sooner.counts.earlier, sooner.worst_delay) == (4, -MINUTE)


@pytest.mark.parametrize(
    ("since", "until", "changes", "expected"),
    [
        (0, 10, (), ["kept", "kept"]),
        (2, 10, (), ["kept", "kept"]),
        (3, 10, (), ["kept"]),  # told before
        (0, 6, (), ["kept"]),  # told at 6, when the span is over
        (3, 10, (Change("grace", 120),), ["later"]),  # told at 2 and at 3: that is of before, and nothing is added
        (2, 3, (Change("grace", 120),), ["undecided"]),  # told at 2; it may be told at 3, and was
        (2, 4, (Change("grace", 120),), ["later"]),
        (0, 10, (Change("grace", 300),), ["spared", "undecided"]),  # the second one lasts
        (3, 10, (Change("grace", 0),), ["earlier"]),  # told at 2, would have been told at 1
        (2, 10, (Change("grace", 0),), ["earlier", "earlier"]),
        (0, 2, (Change("grace", 0),), ["undecided"]),  # would have been told at 1; was told at 2
    ],
)
def test_an_alert_is_of_the_span_in_which_it_was_sent(
    world: World, since: int, until: int, changes: tuple[Change, ...], expected: list[str]
) -> None:
    """The check is down from minute 2 to 4 and from 6 on."""
    world.check_that_is_late()
    found = world.ask(CHECK, changes=changes, since=START + since * MINUTE, until=START + until * MINUTE)
    assert verdicts(found) == expected
    case = found.cases[0]
    assert case.sent == sum(one.sent is not None for one in case.alerts)
    assert case.imagined == sum(one.imagined is not None for one in case.alerts)
    assert case.missed <= case.long_sent


def test_the_uptime_is_that_of_the_span(world: World) -> None:
    world.check_that_is_late()
    watched = world.ask(CHECK, since=START + 3 * MINUTE, until=START + 7 * MINUTE).cases[0].uptimes[CHECK]
    assert (watched.was.up, watched.was.down) == (2 * MINUTE, 2 * MINUTE)


def test_what_was_open_when_a_snapshot_was_taken_is_no_new_alert(world: World) -> None:
    """The check was down; reminders of that come after, and then another trouble."""
    partition = partition_of(CHECK.encode(), PARTITIONS)
    reminded: tuple[Notice, ...] = ("monitor.down", "monitor.still_down")
    world.say(PINGS, "hook", NoticesChosen(at=world.now, notices=reminded, name="Ops", repeat=1), partition)
    world.check_that_is_late()
    world.snapshot(Checks(), partition)
    world.tick(1)
    world.tick(1)
    assert verdicts(world.ask(CHECK, changes=(Change("grace", 120),), takes={"hook": reminded})) == []
    world.ping()
    for _ in range(4):
        world.tick(1)
    assert verdicts(world.ask(CHECK, changes=(Change("grace", 120),))) == ["later"]


def test_alerts_of_before_the_span_are_forgotten(world: World) -> None:
    """Fifty of them; that of the trouble which is not over is kept."""
    world.check(schedule=Simple(120))
    for _ in range(50):
        world.ping()
        for _ in range(5):
            world.tick(1)
    partition = partition_of(CHECK.encode(), PARTITIONS)
    stored = world.log.records[PINGS.name, partition]
    span = Span(world.now + MINUTE, world.now + 2 * MINUTE)
    overlay = Overlay((Change("grace", 90),), {CHECK})
    refold = Refold(Checks(), partition, Selection({CHECK}), [overlay], span, Start({}), takes={}, many=8)
    refold.feed(Record(one.offset, one.timestamp, one.key, one.value) for one in stored)
    for course in refold.courses:
        assert len(course.log.alerts) <= 9
        assert course.log.alerts[-1].ended is None


def test_what_a_mute_hid_when_a_snapshot_was_taken_is_a_new_alert(world: World) -> None:
    world.check_that_is_late(mute_until="forever")
    world.snapshot(Checks(), partition_of(CHECK.encode(), PARTITIONS))
    world.tick(1)
    world.check()
    world.tick(1)
    [alert] = world.ask(CHECK).cases[0].alerts
    assert (alert.verdict, alert.sent and alert.sent.began) == ("kept", START + 6 * MINUTE)


def test_what_was_held_back_when_a_snapshot_was_taken_is_a_new_alert(world: World) -> None:
    world.monitor(ROUTER, depended_on=True)
    world.monitor(SHOP, depends_on=(ROUTER,))
    world.probe({ROUTER: range(2, 20), SHOP: range(3, 20)}, 6)
    world.snapshot(Monitors(), partition_of(SHOP.encode(), PARTITIONS))
    world.probe({ROUTER: range(0), SHOP: range(20)}, 6)
    [alert] = world.ask(SHOP).cases[0].alerts
    assert alert.sent is not None
    assert alert.sent.began < START + 5 * MINUTE
    assert alert.sent.told > START + 6 * MINUTE


def test_one_that_others_depended_on_once_tells_anew(world: World) -> None:
    """The shop depended on the router until lately; with more confirmations the router would not have been down."""
    world.monitor(ROUTER, depended_on=True)
    world.monitor(SHOP, depends_on=(ROUTER,), dependency_wait=0, confirmations=3)
    world.probe({ROUTER: range(3, 5), SHOP: range(2, 9)}, 11)
    world.monitor(ROUTER)
    world.monitor(SHOP, confirmations=3)
    world.tick(1)
    assert len(world.ask(ROUTER, SHOP).cases[0].alerts) == 2
    found = world.ask(ROUTER, SHOP, changes=(Change("confirmations", 3),))
    told = {(one.verdict, (one.sent or one.imagined).thing) for one in found.cases[0].alerts}  # type: ignore[union-attr]
    assert ("spared", ROUTER) in told
    shop = next(one for one in found.cases[0].alerts if (one.sent or one.imagined).thing == SHOP)  # type: ignore[union-attr]
    assert shop.imagined is not None
    assert shop.verdict in ("kept", "earlier")


def test_words_of_monitors_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pingfold.what_if.run.words_room", lambda: Room(3, "words"))
    world.monitor(ROUTER, depended_on=True)
    world.monitor(SHOP)
    world.probe({ROUTER: range(3, 5), SHOP: range(0)}, 8)
    assert verdicts(world.ask(ROUTER, SHOP, changes=(Change("confirmations", 2),)))
    with pytest.raises(TooManyAlerts, match="more than 3 words: choose fewer things"):
        world.ask(ROUTER, SHOP, sweep=(Change("confirmations", 1), Change("confirmations", 2)))


def test_words_stand_where_they_would_have_been_told() -> None:
    """In the partition itself behind the record that made them, in others by their time."""
    event = DependencyChanged(at=1, monitor=ROUTER, down=True)
    own, early, late = Retold(50, 3, 7, event), Retold(40, 4, 99, event), Retold(60, 4, 1, event)
    telling = Telling(3, [late, own, early])
    assert list(telling.until(40, 7)) == []
    assert list(telling.until(41, 7)) == [early]
    assert list(telling.until(55, 7)) == []
    assert list(telling.until(55, 8)) == [own]
    assert telling.has_more
    assert list(telling.until(61, 8)) == [late]
    assert not telling.has_more


def test_one_that_is_only_relied_on_keeps_its_windows(world: World) -> None:
    """Nobody asked what the router would be without maintenance: in its window it is not down, and explains nothing."""
    window(world, PROBE_RESULTS, 30)
    world.monitor(ROUTER)
    world.monitor(SHOP)
    world.probe({ROUTER: range(3, 9), SHOP: range(4, 6)}, 10)
    changes = (Change("maintenance", "none"), Change("depends_on", (ROUTER,)))
    assert verdicts(world.ask(SHOP, changes=changes)) == ["added"]
    assert verdicts(world.ask(ROUTER, SHOP, changes=changes)) == ["added"]  # of the router; it holds back the shop's


@pytest.mark.parametrize(
    ("changes", "anew"),
    [
        ((), []),
        ((Change("confirmations", 3),), [ROUTER, SHOP]),
        ((Change("recoveries", 3),), [ROUTER, SHOP]),
        ((Change("maintenance", "none"),), [ROUTER, SHOP]),
        ((Change("mute", "none"), Change("channels", ()), Change("dependency_wait", 5)), []),
        ((Change("depends_on", (SHOP,)),), [SHOP]),
        ((Change("depends_on", ("else",)), Change("grace", 60)), ["else"]),
        ((Change("depends_on", ("else",)), Change("confirmations", 2)), [ROUTER, SHOP, "else"]),
    ],
)
def test_who_tells_anew(changes: tuple[Change, ...], anew: list[str]) -> None:
    chosen = [Chosen(CHECK, "check", ""), Chosen(ROUTER, "monitor", ""), Chosen(SHOP, "monitor", "")]
    assert sorted(one.id for one in told_anew(chosen, changes)) == sorted(anew)


def test_a_single_monitor_is_heard_by_nobody_that_is_asked_about() -> None:
    assert told_anew([Chosen(ROUTER, "monitor", "")], (Change("confirmations", 3),)) == []


def test_what_is_kept_is_bounded() -> None:
    room = words_room()
    assert room.most == MOST_ALERTS
    assert MANY < MOST_ALERTS
