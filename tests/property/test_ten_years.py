"""Ten years of an installation with a fixed number of things: what the folds hold is bounded, in Kafka and in memory.

Every day checks and monitors fail and come back, others are made and removed, pings are refused, a process of ingest
starts under a new name; every week there is a window of maintenance, a region loses its network, and a dependency is
down; every month channels, keys and pages come and go, and a channel that has failed for weeks is enabled again.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from msgspec.structs import replace

from schemas.base import SECOND, Micros
from schemas.definitions import Channel, Project
from schemas.deliveries import Delivery, DeliveryAttempted
from schemas.ids import derived_id
from schemas.maintenance import Once
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.monitors import ProbeTarget
from schemas.pings import Ping
from schemas.probes import ProbeCompleted, RegionTroubled, RegionWell
from schemas.requests import (
    ChannelCreate,
    ChannelDelete,
    ChannelFields,
    ChannelUpdate,
    CheckCreate,
    CheckDelete,
    CheckFields,
    CheckUpdate,
    MaintenanceCreate,
    MaintenanceFields,
    MonitorCreate,
    MonitorDelete,
    MonitorFields,
    MonitorUpdate,
    ProjectCreate,
    ProjectsRequest,
    StatusPageCreate,
    StatusPageDelete,
    StatusPageFields,
)
from schemas.schedules import Simple
from schemas.slots import confirming_region
from schemas.ticks import Tick
from schemas.topics import DELIVERIES, PINGS, PROBE_RESULTS, PROJECTS
from tests.folding import Source
from tests.growth import PARTITIONS, Installation

DAY: Micros = 86_400 * SECOND
START: Micros = 1_750_000_000 * SECOND
PROJECT = derived_id("test", "project")
DAYS = 3_652
_LONG = 364 * 86_400


@dataclass
class Years:
    """The story. Nothing in it depends on how long it has gone on but the names of what comes and goes."""

    world: Installation = field(default_factory=lambda: Installation(START))
    day: int = 0
    _requests: int = 0
    _ahead: Micros = 0
    _source: Source = field(default_factory=lambda: Source("web-0", real=START))

    def begin(self) -> None:
        project = Project(id=PROJECT, name="p", ping_key="k", created=START, webhook_secret="")
        self.ask(ProjectCreate(request="", at=START, project=project))
        self.tick(0)
        for name in ("well", "dead"):
            self.channel(name)
        for number in range(4):
            self.check(f"check-{number}", 86_400)
        self.check("yearly", _LONG)
        self.monitor("gateway")
        for number in range(3):
            self.monitor(f"monitor-{number}", depends_on=(name_of("gateway"),))

    @property
    def time(self) -> Micros:
        """The time of the partition that is furthest behind."""
        return min(session.progress.time for session in self.world.sessions.values())

    # ---- what can happen

    def ask(self, request: ProjectsRequest) -> None:
        self._requests += 1
        id = f"request-{self._requests}"
        self.world.put(PROJECTS, PROJECT, replace(request, request=id, at=self.world.now))
        assert self.world.decisions.pop(id).outcome in ("made", "updated", "removed", "found")

    def channel(self, name: str) -> None:
        channel = Channel(
            id=name_of(name), project=PROJECT, kind="webhook", url=f"https://{name}.test/", created=0, name=name
        )
        self.ask(ChannelCreate(request="", at=0, channel=channel, on_every_check=True))

    def check(self, name: str, period: int) -> None:
        fields = CheckFields(name=name, slug=name, schedule=Simple(period), grace=3_600, channels="*")
        self.ask(CheckCreate(request="", at=0, id=name_of(name), fields=fields))

    def monitor(self, name: str, **more: Any) -> None:
        fields = MonitorFields(
            name=name, target=ProbeTarget(url=f"https://{name}.test/"), interval=3_600, probed_from=("a", "b"),
            confirmations=2, channels="*", **more,
        )  # fmt: skip
        self.ask(MonitorCreate(request="", at=0, id=name_of(name), fields=fields))

    def ping(self, name: str, kind: Any = "success", **more: Any) -> None:
        self.world.put(PINGS, name_of(name), Ping(kind=kind, at=self.world.now, **more))

    def tick(self, hours: float, **ping_fields: Any) -> None:
        """So much time passes, at once."""
        self.world.now += int(hours * 3_600) * SECOND
        now = self.world.now
        plain = Tick(slot="ticker", epoch=1, at=now, now=now)
        for journal in (PROJECTS, PROBE_RESULTS, DELIVERIES):
            self.world.everywhere(journal, "", plain)
        tick = self._source.tick(now, **ping_fields)
        self._ahead = tick.offset
        self.world.everywhere(PINGS, "", tick)

    def restart(self) -> None:
        """The process of ingest is killed, and another one begins a day later under a name that was never used."""
        self._source = Source(f"pod-{self.day}", epoch=self.world.now, real=self._source.real + DAY)
        self.tick(0.1)
        # One whose clock is an hour ahead, under another name each day.
        ahead = self.world.now + 3_600 * SECOND
        wrong = Tick(slot=f"wrong-{self.day}", epoch=self.world.now, at=ahead, now=ahead, offset=self._ahead)
        self.world.everywhere(PINGS, "", wrong)

    def probe_all(self, failing: frozenset[str] = frozenset()) -> None:
        """Each monitor gets the result of the slot that it expects, and of the confirmations that it asks for."""
        for number in range(PARTITIONS):
            view = self.world.sessions[PROBE_RESULTS.name, number].view
            for key, record in sorted(view.items(), key=lambda item: item[0]):
                if isinstance(record, MonitorState):
                    copy = view.get(f"definition/{key}")
                    assert isinstance(copy, MonitorCopy)
                    self._probe(number, key, copy.monitor.name in failing)

    def _probe(self, number: int, key: str, fails: bool) -> None:
        view = self.world.sessions[PROBE_RESULTS.name, number].view
        for _ in range(6):
            state, monitor = view.get(key), view.get(f"definition/{key}").monitor
            doubt = state.pending_change
            if doubt is None:
                slot, confirm, region = state.expected, 0, "a"
            else:
                slot, confirm = doubt.since, doubt.asked
                region = confirming_region(monitor, doubt.region, confirm)
            if slot > self.world.now:
                return
            told = ProbeCompleted(
                slot=slot, confirm=confirm, region=region, at=max(slot, self.world.now), took=1_000, ok=not fails,
                failure="timeout" if fails else "",
            )  # fmt: skip
            self.world.put(PROBE_RESULTS, key, told)
            if view.get(key).pending_change is None:
                return

    def send(self) -> None:
        """The sender: what is owed is tried; the channel `dead` never takes anything."""
        for number in range(PARTITIONS):
            view = self.world.sessions[DELIVERIES.name, number].view
            owed = [one for _, one in view.items() if isinstance(one, Delivery) and one.due is None]
            for one in sorted(owed, key=lambda delivery: delivery.id):
                dead = one.channel == name_of("dead")
                report = DeliveryAttempted(
                    delivery=one.id, attempt=one.attempt, at=self.world.now, status=503 if dead else 200,
                    replay=one.replay,
                )  # fmt: skip
                self.world.put(DELIVERIES, one.channel, report)

    # ---- a day

    def live(self, days: int) -> None:
        for _ in range(days):
            self.day += 1
            self._morning()
            if self.day % 7 == 0:
                self._week()
            if self.day % 30 == 0:
                self._month()
            self._evening()

    def _morning(self) -> None:
        self.restart()
        self.tick(1, refused_since=self.world.now if self.day % 3 == 0 else None)
        for number in range(4):
            # Number 0 runs for an hour; number 3 misses every other day.
            if number == 0:
                self.ping("check-0", "start", rid=derived_id("run", str(self.day)))
            elif number != 3 or self.day % 2:
                self.ping(f"check-{number}")
        self.ping("yearly", "start")
        self.check(f"passing-{self.day}", _LONG)
        self.ping(f"passing-{self.day}")
        self.monitor(f"passing-{self.day}")
        self.probe_all(frozenset({"monitor-1"}))
        self.tick(1)
        self.send()

    def _evening(self) -> None:
        self.ping("check-0", "success", rid=derived_id("run", str(self.day)))
        self.ping("yearly")
        # Its deadline goes back and forth, a year and an hour ahead.
        for period in (3_600, _LONG):
            fields = CheckFields(schedule=Simple(period))
            self.ask(CheckUpdate(request="", at=0, id=name_of("yearly"), fields=fields))
        self.probe_all()
        self.ask(CheckDelete(request="", at=0, id=name_of(f"passing-{self.day}")))
        self.ask(MonitorDelete(request="", at=0, id=name_of(f"passing-{self.day}")))
        self.send()
        for _ in range(3):
            self.tick(7.3)
            self.send()

    def _week(self) -> None:
        begin = self.world.now + 3_600 * SECOND
        window = MaintenanceFields(name=f"week {self.day}", window=Once(begin, begin + 3_600 * SECOND))
        self.ask(
            MaintenanceCreate(request="", at=0, id=name_of(f"window-{self.day}"), partitions=PARTITIONS, fields=window)
        )
        self.tick(1.5)
        self.tick(1)
        region = ("a", f"region-{self.day}")[self.day % 2]
        self.world.everywhere(PROBE_RESULTS, region, RegionTroubled(region=region, at=self.world.now))
        self.tick(0.01)
        if self.day % 4:
            self.world.everywhere(PROBE_RESULTS, region, RegionWell(region=region, at=self.world.now))
        self.tick(0.1)
        self.probe_all(frozenset({"gateway", "monitor-0"}))
        if self.day % 5 == 0:  # it no longer matters to anybody that it is down
            for wanted in ((), (name_of("gateway"),)):
                for number in range(3):
                    update = MonitorFields(depends_on=wanted)
                    self.ask(MonitorUpdate(request="", at=0, id=name_of(f"monitor-{number}"), fields=update))

    def _month(self) -> None:
        for name in ("passing-channel",):
            self.channel(f"{name}-{self.day}")
            self.ask(ChannelDelete(request="", at=0, id=name_of(f"{name}-{self.day}")))
        self.ask(ChannelUpdate(request="", at=0, id=name_of("dead"), fields=ChannelFields()))
        page = StatusPageFields(title="page", slug=f"page-{self.day}")
        self.ask(StatusPageCreate(request="", at=0, id=name_of(f"page-{self.day}"), fields=page))
        self.ask(StatusPageDelete(request="", at=0, id=name_of(f"page-{self.day}")))
        # One that others depend on is removed while it is down, and made again.
        self.monitor(f"base-{self.day}")
        self.monitor(f"top-{self.day}", depends_on=(name_of(f"base-{self.day}"),))
        self.probe_all(frozenset({f"base-{self.day}"}))
        for name in ("top", "base"):
            self.ask(MonitorDelete(request="", at=0, id=name_of(f"{name}-{self.day}")))


@cache
def name_of(name: str) -> str:
    return derived_id("test", name)


def more_than(now: Counter[str], before: Counter[str], factor: float, some: int) -> dict[str, tuple[int, int]]:
    """What has grown by more than a factor and some."""
    return {name: (before[name], count) for name, count in now.items() if count > before[name] * factor + some}


def test_what_is_kept_does_not_grow_over_ten_years() -> None:
    """Gaps reach back 800 days, so the third year is the first that is like all that follow."""
    years = Years()
    years.begin()
    years.live(3 * 365)
    records, held = years.world.records(), years.world.held()
    years.live(DAYS - 3 * 365)
    assert years.world.letters == []
    assert years.time == years.world.now, "time has passed in every partition"
    refused = {len(session.progress.refused) for session in years.world.sessions.values()}
    assert refused == {0, 1}, "those of the days before are forgotten"
    assert more_than(years.world.records(), records, 1.1, 12) == {}
    assert more_than(years.world.held(), held, 1.3, 300) == {}
    # Whoever takes the partitions over holds no more, and goes on.
    years.world.reopen()
    years.live(30)
    assert years.world.letters == []
    assert more_than(years.world.held(), held, 1.3, 300) == {}
