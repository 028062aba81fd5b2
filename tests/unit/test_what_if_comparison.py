"""Alerts heard, compared and summed: one by one, what makes two alerts the same, and which are short or long."""

import re
from typing import Any

import pytest

from pingfold.what_if.text import show
from processors.fold.contract import Effect
from processors.what_if.alerts import AlertLog, Room, Span, TooManyAlerts
from processors.what_if.comparison import compare, delay, is_long, is_short
from processors.what_if.summary import MOST_SHOWN, Tally, add_partition
from query_api.what_if.objects import what_if_object
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.deliveries import About, DeliveryRequested
from schemas.notices import NOTICES, AnyNotice, Notice
from schemas.topics import DELIVERIES, TRANSITIONS
from schemas.transitions import StatusChanged, VisibleStatus
from schemas.what_if.answers import Alert, Answer, Watched
from schemas.what_if.questions import Chosen, Question
from schemas.what_if.settings import Change

SPAN = Span(100, 1_000)


def log(*alerts: Alert, span: Span = SPAN, lasting: dict[str, tuple[str, Micros]] | None = None) -> AlertLog:
    made = AlertLog(span, {}, Room(), frozenset({"a", "b"}))
    made.alerts += alerts
    made.lasting |= lasting or {}
    return made


def down(began: Micros, told: Micros, ended: Micros | None, thing: str = "a", **fields: Any) -> Alert:
    return Alert(thing, fields.pop("what", "down"), began, told, ended, **fields)


def change(at: Micros, now: VisibleStatus, was: VisibleStatus = "up", since: Micros = 0, thing: str = "a") -> Effect:
    return Effect(
        TRANSITIONS, thing,
        StatusChanged(
            id="i", n=1, thing=thing, project="p", at=at, detected_at=at, since=since, was=was, now=now, reason="ping"
        ),
    )  # fmt: skip


def request(at: Micros, *notices: AnyNotice, channel: str = "hook", thing: str = "a", anyway: bool = False) -> Effect:
    about = About(definition=Check(id=thing, project="p", version=1, created=0), state=CheckState(version=1))
    return Effect(
        DELIVERIES, channel,
        DeliveryRequested(transition="t", at=at, notices=notices, data={}, about=about, anyway=anyway),
    )  # fmt: skip


def heard(
    *effects: tuple[Micros, Effect], takes: dict[str, tuple[Notice, ...]] | None = None, span: Span = SPAN
) -> AlertLog:
    made = AlertLog(span, takes or {}, Room(), frozenset({"a", "b"}))
    for time, effect in effects:
        made.hear([effect], time)
    return made


def test_further_requests_about_a_trouble_belong_to_its_alert() -> None:
    found = heard(
        (200, change(190, "down")),
        (200, request(190, "monitor.down", "incident.created")),
        (210, request(190, "monitor.still_down", channel="pager", anyway=True)),
        (220, request(190, "monitor.still_down", channel="hook", anyway=True)),
        (230, request(230, "incident.acknowledged", anyway=True)),
        (300, change(290, "up", "down")),
        (300, request(290, "monitor.recovered", "incident.resolved")),
        (400, change(400, "down")),
        (400, request(400, "incident.created", channel="takes-nothing-else")),
        takes={"hook": ("monitor.down", "monitor.recovered", "incident.acknowledged")},
    )
    assert found.alerts == [
        Alert("a", "down", 190, 200, 290, ("hook", "pager")),
        Alert("a", "down", 400, 400, None, ("takes-nothing-else",)),
    ]


def test_what_lasts_ends_with_the_status_and_other_notices_at_once() -> None:
    found = heard(
        (200, change(200, "late")),
        (200, request(200, "monitor.late")),
        (250, change(250, "down", "late")),
        (250, request(250, "monitor.down")),
        (300, change(300, "not_observed", "down")),
        (300, request(300, "monitor.not_observed")),
        (310, request(310, "monitor.ssl_expiration")),
        (310, request(310, "monitor.ssl_expiration", channel="pager")),
        (310, request(310, "monitor.domain_expiration")),
        (310, request(310, "monitor.ssl_expiration", channel="chat")),
        (311, request(310, "monitor.ssl_expiration")),
        (320, request(320, "monitor.ssl_expiration", thing="b")),
        (320, request(320, "monitor.ssl_expiration", thing="unknown")),
        takes={"hook": NOTICES},
    )
    assert [(one.thing, one.what, one.told, one.ended, len(one.channels)) for one in found.alerts] == [
        ("a", "late", 200, 250, 1),
        ("a", "down", 250, 300, 1),
        ("a", "not observed", 300, None, 1),
        ("a", "ssl_expiration", 310, 310, 3),
        ("a", "domain_expiration", 310, 310, 1),
        ("a", "ssl_expiration", 311, 311, 1),
        ("b", "ssl_expiration", 320, 320, 1),
    ]


def test_from_the_end_of_the_span_on_nothing_is_known() -> None:
    found = heard(
        (900, change(900, "down")),
        (900, request(900, "monitor.down")),
        (1_001, request(900, "monitor.still_down", channel="pager", anyway=True)),
        (1_001, change(1_000, "up", "down")),
        (1_002, change(990, "down", thing="b")),
        (1_002, request(990, "monitor.down", thing="b")),
    )
    found.end(1_002)
    assert found.alerts == [Alert("a", "down", 900, 900, None, ("hook",))]
    assert (found.watched["a"].up, found.watched["a"].down) == (800, 100)
    assert found.watched["b"].down == 10
    assert found.lasting == {"b": ("down", 990)}


def test_what_people_knew_when_the_records_began_is_no_new_alert() -> None:
    for told, alerts in ((True, 0), (False, 1)):
        made = AlertLog(SPAN, {}, Room(), frozenset({"a"}))
        made.begin("a", "down", 150, told=told)
        made.begin("b", "down", 150, told=True)  # of no thing that is asked about
        made.hear([request(200, "monitor.still_down", anyway=True)], 200)
        assert len([one for one in made.alerts if one.told >= SPAN.since]) == alerts
        made.hear([change(300, "up", "down"), change(400, "down"), request(400, "monitor.down")], 400)
        assert made.alerts[-1].told == 400
        assert made.watched["a"].down == 150
        assert {one.thing for one in made.alerts} == {"a"}


def test_an_alert_that_was_held_back_began_when_the_thing_went_down() -> None:
    found = heard(
        (200, change(190, "down")),
        (300, request(290, "monitor.down")),
        (310, request(305, "monitor.down", thing="b")),  # of which no status is known
    )
    assert [(one.began, one.told) for one in found.alerts] == [(190, 300), (305, 310)]


def test_room_is_given_back_by_what_is_forgotten() -> None:
    room = Room(2)
    made = AlertLog(SPAN, {}, room, frozenset({"a", "b"}))
    assert (made.troubled_since("a"), made.well_since("a")) == (None, -1)
    for at in (10, 20):
        made.hear([change(at, "late"), change(at + 1, "down", "late"), request(at + 1, "monitor.down")], at + 1)
        assert (made.troubled_since("a"), made.well_since("a")) == (at, -1 if at == 10 else 15)
        made.hear([change(at + 5, "up", "down"), change(at + 6, "paused")], at + 6)
    assert (made.troubled_since("a"), made.well_since("a"), made.things_before()) == (None, 25, {"a"})
    made.forget({"b": 90})
    assert (len(made.alerts), room.used) == (2, 2)
    made.forget({"a": 25})
    assert ([alert.told for alert in made.alerts], room.used) == ([21], 1)
    made.forget({"a": 26})
    assert (made.alerts, room.used) == ([], 0)
    made.hear([change(99, "down"), request(99, "monitor.down")], 99)
    made.hear([change(200, "down", thing="b"), request(200, "monitor.down", thing="b")], 200)
    made.hear([change(210, "up", "down", thing="b")], 210)
    made.forget({"a": 300, "b": 300})
    assert [alert.told for alert in made.alerts] == [99, 200]  # one is not over, the other of the span
    with pytest.raises(TooManyAlerts, match="more than 2 alerts in one partition: choose fewer things"):
        made.hear([request(301, "monitor.ssl_expiration")], 301)


@pytest.mark.parametrize(
    ("sent", "imagined", "verdicts"),
    [
        ([down(200, 200, 300)], [down(200, 200, 300)], ["kept"]),
        ([down(200, 200, 300)], [down(200, 210, 300)], ["later"]),
        ([down(200, 210, 300)], [down(200, 200, 300)], ["earlier"]),
        ([down(200, 200, 300)], [down(300, 310, 400)], ["later"]),  # they touch
        ([down(300, 310, 400)], [down(200, 200, 300)], ["earlier"]),
        ([down(200, 200, 300)], [down(301, 310, 400)], ["spared", "added"]),
        ([down(301, 310, 400)], [down(200, 200, 300)], ["added", "spared"]),
        ([down(200, 200, 300)], [down(250, 260, 280, "b")], ["spared", "added"]),
        ([down(200, 200, 300)], [down(250, 260, 280, what="late")], ["spared", "added"]),
        ([down(200, 200, 210), down(220, 220, 300)], [down(200, 200, 300)], ["kept", "spared"]),
        ([down(200, 200, 300)], [down(200, 200, 210), down(220, 220, 300)], ["kept", "added"]),
        ([], [down(200, 200, None)], ["undecided"]),
        ([down(200, 200, None)], [], ["undecided"]),
        ([down(200, 200, None)], [down(300, 300, 310), down(320, 320, None)], ["later", "undecided"]),
        # Of before the span, by the alert that was sent.
        ([down(50, 50, 300)], [down(50, 150, 300)], []),
        ([down(50, 150, 300)], [down(50, 50, 300)], ["earlier"]),
        ([down(50, 99, 300)], [], []),
        ([down(50, 100, 300)], [], ["spared"]),
        ([], [down(50, 99, 300)], []),
        ([down(40, 40, 45), down(90, 150, 160)], [down(40, 40, 200)], ["spared"]),
    ],
)  # fmt: skip
def test_verdicts(sent: list[Alert], imagined: list[Alert], verdicts: list[str]) -> None:
    found = compare(log(*sent), log(*imagined))
    assert [one.verdict for one in found] == verdicts
    assert [delay(one) for one in found if one.verdict in ("spared", "added", "undecided")] == [
        None for one in found if one.verdict in ("spared", "added", "undecided")
    ]


@pytest.mark.parametrize(
    ("lasting", "verdict"),
    [
        ({}, "spared"),
        ({"a": ("down", 300)}, "undecided"),  # it is down since then, and nobody was told yet
        ({"a": ("down", 301)}, "spared"),  # another trouble
        ({"a": ("late", 250)}, "spared"),
        ({"b": ("down", 250)}, "spared"),
    ],
)
def test_what_may_yet_be_told_is_undecided(lasting: dict[str, tuple[str, Micros]], verdict: str) -> None:
    alert = down(200, 200, 300)
    assert [one.verdict for one in compare(log(alert), log(lasting=lasting))] == [verdict]
    mirrored = {"spared": "added"}.get(verdict, verdict)
    assert [one.verdict for one in compare(log(lasting=lasting), log(alert))] == [mirrored]


def test_short_and_long() -> None:
    for alert, short, long in (
        (down(200, 210, 299), True, False),
        (down(200, 210, 300), False, True),
        (down(200, 210, None), False, True),
        (down(901, 910, None), False, False),  # nobody knows yet
        (down(900, 910, None), False, True),
        (down(200, 210, 201, what="late"), False, False),
        (down(200, 210, None, what="late"), False, False),
    ):
        assert (is_short(alert, 100), is_long(alert, 100, 1_000)) == (short, long)


def test_partitions_are_summed() -> None:
    tally, swept = Tally((Change("grace", 90),), 100, shown=True), Tally((), 100, shown=False)
    was = log(
        down(50, 50, 60), down(200, 200, 400), down(500, 500, 700), down(800, 800, 810), down(990, 990, None),
        down(850, 850, None, "b", channels=("x",)),
    )  # fmt: skip
    would = log(down(200, 230, 400), down(500, 570, 600), down(850, 850, None, "b"), down(900, 900, 910, "b"))
    was.watched["a"] = would.watched["b"] = Watched(5, 3)
    for one in (tally, swept):
        add_partition([one], was, [would])
        add_partition([one], log(), [log()])
    case = tally.case()
    assert (case.sent, case.imagined, case.short_sent, case.long_sent, case.missed) == (5, 4, 1, 3, 0)
    assert (case.short, case.median_delay, case.worst_delay) == (1, 30, 70)
    counts = case.counts
    assert (counts.kept, counts.later, counts.spared, counts.added, counts.undecided) == (1, 2, 1, 1, 1)
    assert counts.changed == 1
    assert (case.in_all.was.up, case.in_all.was.down, case.in_all.imagined.up) == (5, 3, 5)
    assert set(case.uptimes) == {"a", "b"}
    assert case.uptimes["a"].imagined.up == 0
    other = swept.case()
    assert (other.counts, other.in_all, other.median_delay) == (case.counts, case.in_all, case.median_delay)
    assert (other.alerts, other.uptimes) == ([], {})


def test_of_many_alerts_the_oldest_are_shown() -> None:
    tally = Tally((), 100, shown=True)
    for first in (0, 1):
        alerts = [down(at, at, at + 1, f"thing {at}") for at in range(200 + first, 200 + MOST_SHOWN + 100, 2)]
        add_partition([tally], log(*alerts), [log()])
    case = tally.case()
    assert (len(case.alerts), case.left_out, case.counts.spared) == (MOST_SHOWN, 100, MOST_SHOWN + 100)
    assert [one.told for one in case.alerts] == list(range(200, 200 + MOST_SHOWN))


def test_what_is_undecided_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    tallies = [Tally((Change("grace", 90),), 100, shown=True), Tally((Change("grace", 120),), 100, shown=True)]
    for tally in tallies:
        tally.add(log(down(200, 200, None)), log())
    question = Question(
        project="p", chosen=(Chosen("a", "check", "A"),), changes=(Change("grace", 90),), since=100, until=1_000,
        short=SECOND,
    )  # fmt: skip
    answer = Answer(since=100, until=1_000, cases=[tallies[0].case()], notes=["a note"], events=5)
    shown = what_if_object(question, answer)
    assert (shown.cases[0].undecided, shown.alerts[0].verdict, shown.alerts[0].later_seconds) == (1, "undecided", None)
    show(shown, {})
    text = capsys.readouterr().out
    assert "1 undecided: not over at the end" in text
    assert "note: a note" in text
    answer.cases = [tally.case() for tally in tallies]
    show(what_if_object(question, answer), {})
    head, was, *rows = (re.split(r"  +", line) for line in capsys.readouterr().out.splitlines()[-4:])
    undecided = head.index("undecided")
    assert head[undecided - 2 : undecided + 2] == ["spared", "added", "undecided", "long missed"]
    assert was[undecided - 2 : undecided + 2] == ["-", "-", "-", "0 of 1"]
    assert [row[undecided - 2 : undecided + 2] for row in rows] == [["0", "0", "1", "0 of 1"]] * 2
