"""`system.outage`: an outage of Pingfold itself is over. One notice for each project and channel that chose it, with
what could not be judged in all partitions."""

import json
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from processors.fold.contract import SAME, Effect
from processors.projects.fold import Projects
from processors.projects.outages import GATHERED, KEPT, MOST_A_DAY
from schemas.base import SECOND
from schemas.definitions import Channel, Project
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id, new_id
from schemas.monitors import ProbeTarget
from schemas.notices import Notice
from schemas.project_outages import NAMED, ProjectOutages, outages_key
from schemas.requests import (
    ChannelCreate,
    ChannelFields,
    ChannelUpdate,
    CheckCreate,
    CheckFields,
    MonitorCreate,
    MonitorFields,
    OutageEnded,
    ProjectCreate,
    ThingsUnobserved,
)
from schemas.schedules import Cron, Simple
from schemas.ticks import Tick, TimeCorrected
from schemas.times import LAST
from schemas.topics import PROJECTS
from tests.check_story import DAY, HOUR, Story, clock, t
from tests.folding import Folding, Journal, of_type
from tests.monitor_story import Story as MonitorStory
from tests.poppaping_channels import CHANNELS, data, made, open_api

OUTAGE: Notice = "system.outage"


# ---- what the checks of a partition tell


def told(effects: list[Effect]) -> list[tuple[Any, ...]]:
    """What the projects are told: (key, partition, from, to, names)."""
    return [
        (
            effect.key,
            effect.partition,
            effect.value.start - t(0),
            effect.value.end - t(0),
            getattr(effect.value, "names", None),
        )
        for effect in effects
        if effect.topic is PROJECTS and isinstance(effect.value, OutageEnded | ThingsUnobserved)
    ]


def between(start: float, end: float) -> tuple[int, int]:
    return round(start * SECOND), round(end * SECOND)


def test_a_check_that_could_not_be_judged_is_told_of_when_it_is_over() -> None:
    story = Story()
    story.ping(10)
    effects = story.gap(HOUR - 600, 2 * HOUR)
    assert told(effects) == [
        ("outage", SAME, *between(HOUR - 600, 2 * HOUR), None),
        ("p", None, *between(HOUR - 600, 2 * HOUR), ("Backup",)),
    ]


def test_a_restart_that_concerned_nobody_is_no_news() -> None:
    story = Story()
    story.ping(10)
    assert told(story.gap(100, 130)) == []
    assert told(story.gap(200, 260)) == [("outage", SAME, *between(200, 260), None)]


def test_a_restart_that_took_a_run_is_news_for_its_project() -> None:
    story = Story()
    story.ping(10)
    effects = story.gap(HOUR - 10, HOUR + 15)
    assert told(effects) == []  # it may still come
    assert told(story.tick(HOUR + 310)) == [("p", None, *between(HOUR - 10, HOUR + 15), ("Backup",))]


def test_while_the_outage_lasts_nothing_is_told() -> None:
    """The public URL does not answer: time goes on, and the deadline passes in the gap."""
    story = Story()
    story.ping(10)
    story.tick(HOUR - 10)
    assert told(story.tick(HOUR, unreachable_since=t(HOUR - 5))) == []
    effects = story.tick(HOUR + 400, unreachable_since=t(HOUR - 5))
    assert told(effects) == []
    assert story.state.unobserved
    effects = story.tick(HOUR + 500)
    assert told(effects) == [
        ("outage", SAME, *between(HOUR - 5, HOUR + 500), None),
        ("p", None, *between(HOUR - 5, HOUR + 500), ("Backup",)),
    ]
    assert told(story.tick(HOUR + 501)) == []


def test_gaps_without_a_pause_are_one_outage() -> None:
    """The source stops, and its successor cannot be reached from outside at first."""
    story = Story()
    story.ping(10)
    story.tick(HOUR - 600, closing=True)
    story.source.epoch += 1
    assert told(story.tick(2 * HOUR, unreachable_since=t(2 * HOUR))) == []
    effects = story.tick(2 * HOUR + 5)
    assert {each[2:4] for each in told(effects)} == {between(HOUR - 600, 2 * HOUR + 5)}
    assert len(told(effects)) == 2


def test_refused_pings_concern_their_own_checks_only() -> None:
    story = Story()
    story.ping(10)
    story.tick(HOUR - 600)
    effects = story.tick(2 * HOUR, refused_since=t(HOUR - 600))
    assert told(effects) == [("p", None, *between(HOUR - 600, 2 * HOUR), ("Backup",))]


def test_a_muted_check_is_not_counted() -> None:
    story = Story(mute_until="forever")
    story.ping(10)
    assert [key for key, *_ in told(story.gap(HOUR - 600, 2 * HOUR))] == ["outage"]


def test_a_cron_job_whose_deadline_is_hours_away() -> None:
    story = Story(schedule=Cron("0 2 * * *", "UTC"), grace=6 * HOUR)
    story.ping(clock("01:00"))
    assert told(story.gap(clock("02:10:00"), clock("02:10:11"))) == []
    assert told(story.tick(clock("08:00"))) == [
        ("p", None, *between(clock("02:10:00"), clock("02:10:11")), ("Backup",))
    ]


def test_the_first_tick_after_a_truncated_journal_tells_of_it() -> None:
    story = Story()
    story.ping(10)
    story.tick(HOUR - 100)
    story.folding.truncated(2)
    story.journal.records = story.journal.records[:2]
    effects = story.tick(2 * HOUR)
    assert {each[2:4] for each in told(effects)} == {between(HOUR - 100, 2 * HOUR)}


# ---- what monitors tell


@pytest.mark.parametrize(("ok", "down"), [(True, False), (False, True)])
def test_a_monitor_of_which_nothing_was_known_for_minutes(ok: bool, down: bool) -> None:
    story = MonitorStory()
    story.probe(0)
    story.tick(story.slot(9) + 50)
    assert told(story.effects) == []
    story.probe(12, ok)
    [(key, partition, start, end, names)] = told(story.effects)
    assert (key, partition, names) == ("p", None, ("Production API",))
    assert (start, end) == between(story.slot(1), story.slot(12))
    assert (story.state.status == "down") is down


def test_a_monitor_whose_prober_was_restarted_or_that_is_muted_tells_nothing() -> None:
    for missed, definition in ((3, {}), (12, {"mute_until": "forever"})):
        story = MonitorStory(**definition)
        story.probe(0)
        story.tick(story.slot(missed) + 50)
        story.probe(missed + 1)
        assert told(story.effects) == []


# ---- what a project makes of it


class Desk:
    """The fold of projects, with one project and its channels."""

    def __init__(self, *channels: tuple[Notice, ...]) -> None:
        self.folding, self.journal, self.time = Folding(Projects()), Journal(), 0.0
        self.project = derived_id("project")
        self.channels = [derived_id("channel", n) for n in range(len(channels))]
        made = Project(id=self.project, name="P", ping_key="k" * 22, created=0, webhook_secret="s")
        self.tell(ProjectCreate(request="r", at=t(0), project=made))
        for id, notices in zip(self.channels, channels, strict=True):
            channel = Channel(id=id, project=self.project, kind="webhook", url="https://a.test/", created=0)
            self.tell(ChannelCreate(request=id, at=t(0), channel=replace(channel, notices=notices)))

    def tell(self, event: Struct, key: str = "") -> list[Effect]:
        return self.folding.feed([self.journal.add(key or self.project, event, t(self.time))])

    def tick(self, at: float) -> list[DeliveryRequested]:
        self.time = at
        return requests(self.tell(Tick(slot="ticker", epoch=1, at=t(at), now=t(at)), "tick"))

    def over(self, start: float, end: float) -> list[Effect]:
        return self.tell(OutageEnded(at=t(self.time), start=t(start), end=t(end)), "outage")

    def unobserved(self, start: float, end: float, *names: str, kind: Any = "check", count: int = 0) -> list[Effect]:
        event = ThingsUnobserved(
            kind=kind, at=t(self.time), start=t(start), end=t(end), count=count or len(names), names=names
        )
        return self.tell(event)


def requests(effects: list[Effect]) -> list[DeliveryRequested]:
    return [each for each in of_type(effects, DeliveryRequested) if each.notices == (OUTAGE,)]


def test_one_notice_for_each_channel_that_chose_it_with_what_all_partitions_know() -> None:
    desk = Desk((OUTAGE,), ("monitor.down",), ("monitor.down", OUTAGE))
    desk.tick(1_000)
    desk.over(300, 990)
    desk.unobserved(301, 991, "Backup", "Import")
    desk.unobserved(299, 990, "Report")
    desk.unobserved(310, 1_040, "Shop", kind="monitor")
    began = len(desk.folding.effects)
    assert desk.tick(1_000 + GATHERED / SECOND - 1) == []
    assert desk.folding.session.due() == t(1_000) + GATHERED
    first, second = desk.tick(1_000 + GATHERED / SECOND)
    keys = [effect.key for effect in desk.folding.effects[began:] if isinstance(effect.value, DeliveryRequested)]
    assert keys == sorted([desk.channels[0], desk.channels[2]])
    assert first == second
    assert first.at == t(1_040)
    assert first.data["outage"] == {
        "started_at": "2024-01-01T00:04:59+00:00",
        "ended_at": "2024-01-01T00:17:20+00:00",
        "checks_not_observed": 3,
        "monitors_not_observed": 1,
        "names": ["Backup", "Import", "Report", "Shop"],
    }
    assert first.data["detail"] == (
        "From 2024-01-01T00:04:59+00:00 to 2024-01-01T00:17:20+00:00; "
        "not observed: 3 checks and 1 monitor (Backup, Import, Report, Shop)"
    )
    assert desk.tick(1_000_000) == []


def test_nothing_unjudged_is_said_to_be_so() -> None:
    desk = Desk((OUTAGE,))
    desk.tick(1_000)
    desk.over(300, 990)
    [told] = desk.tick(1_200)
    assert told.data["detail"].endswith("; nothing was left unjudged so far")


def test_many_things_are_counted_and_the_first_named() -> None:
    desk = Desk((OUTAGE,))
    desk.tick(1_000)
    desk.unobserved(300, 990, *[f"c{n}" for n in range(NAMED)], count=500)
    desk.unobserved(300, 990, "later", count=7)
    [told] = desk.tick(1_200)
    assert told.data["outage"]["checks_not_observed"] == 507
    assert told.data["detail"].endswith("c8, c9 and 497 more)")


def test_what_is_heard_after_it_was_told_is_no_second_notice() -> None:
    desk = Desk((OUTAGE,))
    desk.tick(1_000)
    desk.over(300, 990)
    assert len(desk.tick(1_200)) == 1
    desk.unobserved(300, 990, "Backup")
    desk.over(400, 980)
    assert desk.tick(2_000) == []


def test_an_outage_that_nobody_heard_of_is_told_when_a_run_was_lost_in_it() -> None:
    desk = Desk((OUTAGE,))
    desk.tick(20_000)
    desk.unobserved(300, 311, "Backup")
    desk.unobserved(20_000, 20_010, "Report")
    first, second = desk.tick(20_200)
    assert [each.data["outage"]["names"] for each in (first, second)] == [["Backup"], ["Report"]]
    assert first.transition != second.transition


def test_without_a_channel_that_chose_it_nothing_is_kept() -> None:
    desk = Desk(("monitor.down",))
    desk.tick(1_000)
    desk.over(300, 990)
    desk.unobserved(300, 990, "Backup")
    assert outages_key(desk.project) not in desk.folding.committed
    assert desk.tick(5_000) == []


def test_a_choice_that_is_taken_back_holds_at_once() -> None:
    desk = Desk((OUTAGE,))
    desk.tick(1_000)
    desk.over(300, 990)
    desk.tell(
        ChannelUpdate(request="u", at=t(1_000), id=desk.channels[0], fields=ChannelFields(notices=("monitor.down",)))
    )
    desk.folding.restart()
    assert desk.tick(5_000) == []
    desk.over(4_000, 4_100)
    assert desk.tick(9_000) == []


def test_outage_after_outage_is_told_a_number_of_times_a_day() -> None:
    desk = Desk((OUTAGE,))
    told = 0
    for n in range(3 * MOST_A_DAY):
        desk.tick(n * 1_000)
        desk.over(n * 1_000 - 500, n * 1_000)
        told += len(desk.tick(n * 1_000 + 200))
    assert told == MOST_A_DAY
    assert len(desk.folding.state(ProjectOutages, outages_key(desk.project)).outages) <= KEPT
    desk.tick(3 * DAY)
    desk.over(3 * DAY - 500, 3 * DAY)
    assert len(desk.tick(3 * DAY + 200)) == 1


def test_a_time_that_ran_ahead_delays_nothing() -> None:
    desk = Desk((OUTAGE,))
    desk.tick(50_000)
    desk.over(300, 990)
    desk.time = 1_000
    desk.tell(TimeCorrected(reason="clock"), "")
    assert len(desk.tick(1_000 + GATHERED / SECOND)) == 1


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (9, 5), (5, LAST + 1)])
def test_what_is_no_outage_is_a_dead_letter(start: int, end: int) -> None:
    desk = Desk((OUTAGE,))
    [effect] = desk.tell(OutageEnded(at=t(0), start=start, end=end), "outage")
    assert effect.topic.name == "dead-letters"
    [effect] = desk.tell(OutageEnded(at=-1, start=0, end=5), "outage")
    assert effect.topic.name == "dead-letters"


# ---- through all folds


async def test_a_channel_hears_once_of_an_outage_with_checks_of_all_partitions_and_monitors() -> None:
    api = open_api()
    channel, other = await made(api, events=[OUTAGE]), await made(api)
    checks = [new_id() for _ in range(8)]
    for number, id in enumerate(checks):
        fields = CheckFields(name=f"Job {number}", schedule=Simple(600), grace=60)
        api.request(api.project, CheckCreate(request=f"c{number}", at=api.log.time, id=id, fields=fields))
        api.log.ping(id)
    monitor = new_id()
    target = ProbeTarget(url="https://shop.example/")
    probed = MonitorFields(name="Shop", target=target, interval=60, probed_from=("a",))
    api.request(api.project, MonitorCreate(request="m", at=api.log.time, id=monitor, fields=probed))
    api.log.tick(5)
    api.log.probe(monitor)
    began = api.log.time
    api.log.time += 2 * HOUR * SECOND  # all of Pingfold is away
    api.log.tick(0)
    ended = api.log.time
    assert outage_notices(api, channel) == []
    api.log.tick(5)
    api.log.restart()
    api.log.probe(monitor)
    api.log.tick(GATHERED / SECOND)
    [body] = outage_notices(api, channel)
    outage = body["data"]["outage"]
    assert (outage["checks_not_observed"], outage["monitors_not_observed"]) == (len(checks), 1)
    assert set(outage["names"]) <= {*(f"Job {n}" for n in range(8)), "Shop"}
    assert outage["started_at"] == body["data"]["detail"][5:30]
    assert body["data"]["monitor"]["url"].endswith("/")
    api.log.tick(600)
    assert len(outage_notices(api, channel)) == 1
    assert outage_notices(api, other) == []
    starts = [value["start"] for _, value in api.log.of(PROJECTS) if value["type"] == "outage.ended"]
    assert all(began <= start < ended for start in starts)
    assert len(starts) == api.log.partitions


def outage_notices(api: Any, channel: str) -> list[dict[str, Any]]:
    bodies = [json.loads(each.delivery.body) for each in api.log.delivery_states.pending(channel)]
    return [body for body in bodies if body["event"] == OUTAGE]


async def test_the_notices_can_be_chosen_and_tried_out() -> None:
    api = open_api()
    for event in ("monitor.late", "monitor.run_time_drift", OUTAGE):
        channel = await made(api, events=[event])
        assert data(await api.client.get(f"{CHANNELS}/{channel}"))["events"] == [event]
        data(await api.client.post(f"{CHANNELS}/{channel}/test"), 202)
        [body] = [json.loads(each.delivery.body) for each in api.log.delivery_states.pending(channel)]
        assert (body["event"], body["data"]["test"]) == (event, True)
        assert body["data"]["detail"]
    assert OUTAGE not in data(await api.client.get(f"{CHANNELS}/{await made(api)}"))["events"]
