"""Fixed courses of events for each fold, and a digest of everything that a fold makes of one.

A course follows from its seed alone. Its digest covers the bytes of the journal, and of every changed state and every
effect, batch by batch, with restarts and a truncated journal in between. So an equal digest means that the code decides
and writes exactly what it did when the digest was recorded (`tests/fixtures/folds.json`). Left out: the versions that
the partition's record names, and decisions.

`python -m tests.fold_courses` records the digests anew, for a change that is meant to decide otherwise.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from processors.checks.fold import Checks
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import EVERY, Fold, Record, Session
from processors.fold.view import View
from processors.monitors.fold import Monitors
from processors.projects.fold import Projects
from schemas.actors import Actor
from schemas.base import SECOND, Micros, encode
from schemas.definitions import ApiKey, Channel, Check, Project
from schemas.deliveries import (
    ConfirmationRequested,
    Delivery,
    DeliveryAttempted,
    DeliveryReplayed,
    DeliveryRequested,
    Endpoint,
    EndpointDefined,
    EndpointRemoved,
    MailboxAnswered,
)
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, Once, Recurring, Window
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.monitors import Monitor
from schemas.notice_choices import NoticesChosen
from schemas.pings import CheckDefined, CheckPaused, CheckRemoved, CheckResumed, Kind, Ping
from schemas.probes import (
    DependencyChanged,
    Failure,
    MaintenanceDefined,
    MaintenanceRemoved,
    MonitorDefined,
    MonitorRemoved,
    ProbeCompleted,
    RegionTroubled,
    RegionWell,
)
from schemas.quiet_hours import QuietHours
from schemas.recipients import mailbox_id
from schemas.requests import (
    ChannelCreate,
    ChannelDelete,
    ChannelDisabled,
    CheckClaim,
    CheckClaimed,
    CheckCreate,
    CheckDelete,
    CheckFields,
    CheckUpdate,
    ClaimReleased,
    KeyCreate,
    MaintenanceCreate,
    MaintenanceDelete,
    MaintenanceFields,
    MonitorCreate,
    MonitorDelete,
    MonitorFields,
    MonitorUpdate,
    OutageEnded,
    ProjectCreate,
    ThingsUnobserved,
)
from schemas.schedules import Cron, OnCalendar, Schedule, Simple
from schemas.slots import confirming_region, first_slot, region_of, step, time_limit
from schemas.ticks import PROGRESS_KEY, Progress, Relayed, Tick, TimeCorrected
from schemas.topics import DECISIONS
from tests.check_story import MIDNIGHT
from tests.folding import Journal, Source

FILE = Path(__file__).parent / "fixtures" / "folds.json"
SEEDS = range(4)
PARTITION = 3
NOTICES: Any = (
    "monitor.down",
    "monitor.recovered",
    "incident.created",
    "incident.resolved",
    "monitor.not_observed",
)
ACTOR = Actor(kind="api_key", key="k", address="192.0.2.1")


class Course:
    """What the courses of all folds have: a journal that is written with chance, and time that goes on."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.journal = Journal()
        self.now: Micros = MIDNIGHT

    def add(self, key: str, event: msgspec.Struct | bytes, *, behind: float = 0, retried: bool = False) -> None:
        """Append an event; its record is `behind` seconds older than it would be by the course's time."""
        record = self.journal.add(key, event, self.now, retried=retried)
        self.journal.records[-1] = record._replace(timestamp=record.timestamp - round(behind * SECOND))
        self.appended(self.journal.records[-1])

    def appended(self, record: Record) -> None:
        """Called with each record."""

    def wait(self, *seconds: float) -> None:
        self.now += round(self.chance.choice(seconds) * SECOND)

    def again(self) -> None:
        """A record of before is written once more."""
        old = self.chance.choice(self.journal.records)
        assert old.value is not None
        if not old.value.startswith(b'{"type":"t'):  # ticks move the test clock of the journal
            self.add((old.key or b"").decode(), old.value)

    def correct_time(self) -> None:
        self.add("", TimeCorrected(reason="clock"), behind=self.chance.choice([0, 40, 5_000]))


class ChecksCourse(Course):
    """Checks of all kinds and two sources, with all the trouble that sources can have."""

    SCHEDULES: tuple[Schedule, ...] = (
        Simple(60),
        Simple(600),
        Simple(3_600),
        Cron("*/5 * * * *", "Europe/Berlin"),
        Cron("7 3 * * 1", "America/New_York"),
        OnCalendar("2024-01-01 00:10", "UTC"),
        OnCalendar("hourly", "UTC"),
    )
    KINDS: tuple[Kind, ...] = ("success", "success", "success", "success", "fail", "start", "start", "log")
    RIDS = (None, None, derived_id("run", "a"), derived_id("run", "b"), derived_id("run", "c"))

    def __init__(self, seed: int, length: int = 700) -> None:
        super().__init__(seed)
        self.checks = [derived_id("check", n) for n in range(12)]
        self.versions = dict.fromkeys(self.checks, 0)
        self.sources = {slot: Source(slot, real=MIDNIGHT, beat=0) for slot in ("web-0", "web-1")}
        self.unreachable: Micros | None = None
        self.tick("web-0")
        for key in self.checks:
            self.define(key)
        for number in range(length):
            self.wait(0, 0.2, 0.2, 1, 1, 5, 20, 61, 130, 700)
            if number % 9 == 0:
                self.tick("web-0")
            self.happen()
        self.now += 200_000 * SECOND
        self.tick("web-0")

    def tick(self, slot: str, **fields: Any) -> None:
        if slot == "web-0":
            fields["unreachable_since"] = self.unreachable
        self.add("tick", self.sources[slot].tick(self.now, **fields))

    def define(self, key: str) -> None:
        chance = self.chance
        self.versions[key] += 1
        fields: dict[str, Any] = {}
        if chance.random() < 0.3:
            fields = {
                "filter_http_body": chance.random() < 0.6,
                "filter_default_fail": chance.random() < 0.3,
                "success_kw": "done, fine",
                "failure_kw": "bad",
                "start_kw": "begin",
                "methods": chance.choice(["", "POST"]),
                "manual_resume": chance.random() < 0.5,
            }
        check = Check(
            id=key,
            project=chance.choice(["p", "q"]),
            version=self.versions[key],
            created=MIDNIGHT,
            name=chance.choice(["", "Backup"]),
            slug=chance.choice(["", "backup"]),
            tags=chance.choice(["", "a b"]),
            schedule=chance.choice(self.SCHEDULES),
            grace=chance.choice([60, 60, 120, 900]),
            late_limit=chance.choice([None, None, 30, 7_200]),
            run_limit=chance.choice([None, None, 10, 400_000]),
            channels=chance.choice([(), ("hook",), ("hook", "mail")]),
            **fields,
        )
        if chance.random() < 0.04:  # such a check cannot be judged, and is parked
            check = replace(check, schedule=Cron("never * * * *", "UTC"))
        self.add(key, CheckDefined(at=self.now - chance.choice([0, 5]) * SECOND, check=check))

    def ping(self, key: str, **fields: Any) -> None:
        chance = self.chance
        kind: Kind = chance.choice(self.KINDS)
        at = chance.choice([self.now] * 6 + [None, self.now - 50 * SECOND, self.now + 20 * SECOND])
        if chance.random() < 0.6:
            at, fields["by"] = self.now, chance.choice([1, 1, 1, 2])
        if chance.random() < 0.3:
            fields["method"] = chance.choice(["GET", "POST", "POST"])
            fields["body"] = chance.choice([None, "all done", "bad", "begin", "nothing"])
        if chance.random() < 0.2:
            fields["exitstatus"] = chance.choice([0, 0, 1, 255])
        self.add(key, Ping(kind=kind, at=at, rid=chance.choice(self.RIDS), **fields), retried=chance.random() < 0.02)

    def happen(self) -> None:
        key, chance = self.chance.choice(self.checks), self.chance
        ordinary: list[Callable[[], None]] = [lambda: self.ping(key)] * 24
        decisions: list[Callable[[], None]] = [
            lambda: self.define(key),
            lambda: self.add(key, CheckPaused(at=self.now, actor=chance.choice([None, ACTOR]))),
            lambda: self.add(key, CheckResumed(at=self.now, actor=chance.choice([None, ACTOR]))),
            lambda: self.add(key, CheckRemoved(at=self.now - 3 * SECOND)),
            lambda: self.add("hook", NoticesChosen(at=self.now, notices=chance.choice([(), ("monitor.late",)]))),
        ]
        odd: list[Callable[[], None]] = [
            self.again,
            self.again,
            lambda: self.add(key, b'{"type":"ping.received","kind":"nonsense"}'),
            lambda: self.add(key, Ping(kind="success", at=self.now + 50_000 * SECOND)),
            lambda: self.add(key, Ping(kind="success", at=self.now + 50_000 * SECOND, by=7)),
            lambda: self.add(key.upper(), Ping(kind="success")),
            lambda: self.add(key, Tick(slot="web-0", epoch=1, at=self.now, now=self.now), retried=True),
        ]
        if chance.random() < 0.01:
            self.correct_time()
        elif chance.random() < 0.12:
            self.trouble(chance.choice(["web-0", "web-1"]))
        else:
            chance.choice(ordinary + decisions + odd)()

    def trouble(self, slot: str) -> None:
        source, chance = self.sources[slot], self.chance
        match chance.choice(["tick", "freeze", "lose", "close", "refuse", "unreachable", "beats", "heard", "skewed"]):
            case "tick":
                self.tick(slot)
            case "freeze":
                self.tick(slot, after=chance.choice([1, 3, 12, 70]) * SECOND)
            case "lose":
                source.epoch += 1
                self.tick(slot)
            case "close":
                self.tick(slot, closing=True)
                source.epoch += 1
            case "refuse":
                self.tick(slot, refused_since=self.now - SECOND)
            case "unreachable":
                self.unreachable = self.now if self.unreachable is None else None
                self.tick("web-0")
            case "beats":
                self.tick(slot, beats=True, silent_since=chance.choice([None, self.now - 5 * SECOND]))
            case "heard":
                relayed = Relayed(slot="web-1", epoch=self.sources["web-1"].epoch, at=self.now, now=self.now)
                self.tick("web-0", heard=(relayed,))
            case _:
                self.add("tick", source.tick(self.now), behind=chance.choice([11, -11]))


class MonitorsCourse(Course):
    """Monitors of all kinds, honest and odd probers, windows, regions in trouble and dependencies.

    It folds along, since what is asked for while a change is in doubt stands in the states.
    """

    REGIONS = ("a", "b", "c")
    FAILURES: tuple[Failure, ...] = ("connect", "timeout", "status", "ours", "keyword")

    def __init__(self, seed: int, length: int = 800) -> None:
        super().__init__(seed)
        self.session = Session(Monitors(), PARTITION, View(), "test")
        self.monitors = [derived_id("monitor", n) for n in range(6)]
        self.router = derived_id("monitor", "router")
        self.versions = dict.fromkeys(self.monitors, 0)
        self.windows = 0
        self.tick()
        for key in self.monitors:
            self.define(key)
        for number in range(length):
            self.wait(0, 0.3, 1, 1, 3, 5, 5, 12, 30)
            if number % 7 == 0:
                self.tick()
            self.happen()
        self.now += 3_000 * SECOND
        self.tick()

    def appended(self, record: Record) -> None:
        self.session.step([record])

    def tick(self) -> None:
        self.add("tick", Tick(slot="ticker", epoch=1, at=self.now, now=self.now))

    def define(self, key: str, **fields: Any) -> None:
        chance = self.chance
        self.versions[key] += 1
        regions = chance.choice([("a",), ("a", "b"), ("a", "b", "c"), ("c", "a", "b")])
        chosen: dict[str, Any] = {
            "name": chance.choice(["One", "Two"]),
            **chance.choice(
                [
                    {"kind": "http", "target": {"url": "https://example.org/"}},
                    {"kind": "tcp", "target": {"host": "192.0.2.7", "port": 22}},
                ]
            ),
            "interval": chance.choice([5, 20, 60]),
            "timeout": chance.choice([3, 30]),
            "probed_from": regions,
            "confirmations": chance.choice([1, 2, 3]),
            "recoveries": chance.choice([1, 2]),
            "confirm_interval": chance.choice([None, None, 4.0, 30.0]),
            "paused": False,
            "channels": chance.choice([(), ("hook",), ("hook", "mail")]),
            "depends_on": chance.choice([(), (), (self.router,)]),
            "dependency_wait": chance.choice([0, 60]),
            "depended_on": chance.random() < 0.3,
        } | fields
        at = self.now - chance.choice([0, 5]) * SECOND
        common = {"id": key, "project": "p", "version": self.versions[key], "created": MIDNIGHT, "revised": self.now}
        monitor = msgspec.convert(common | msgspec.to_builtins(chosen), Monitor)
        self.add(key, MonitorDefined(at=at, monitor=monitor))

    def change(self, key: str, **fields: Any) -> None:
        if (known := self.known(key)) is not None:
            same = asdict(known[0])
            self.define(key, **{name: same[name] for name in same if name not in _GIVEN} | fields)

    def known(self, key: str) -> tuple[Monitor, MonitorState] | None:
        state, copy = self.session.view.get(key), self.session.view.get(f"definition/{key}")
        if not isinstance(state, MonitorState) or not isinstance(copy, MonitorCopy):
            return None
        return copy.monitor, state

    def probe(self, key: str, ok: bool) -> None:
        known, chance = self.known(key), self.chance
        if known is None:
            return
        monitor, state = known
        took = min(chance.choice([0, 100_000, 3 * SECOND]), time_limit(monitor))
        slot, confirm = max(state.begun, first_slot(monitor, self.now) - step(monitor)), 0
        region = region_of(monitor, slot)
        if state.pending_change is not None and chance.random() < 0.7:
            slot, confirm = state.pending_change.since, state.pending_change.asked
            region = confirming_region(monitor, state.pending_change.region, confirm)
        result = ProbeCompleted(
            slot=slot,
            confirm=confirm,
            region=region,
            at=max(slot, self.now - took),
            took=took,
            ok=ok,
            failure="" if ok else chance.choice(self.FAILURES),
            detail=chance.choice(["", "x" * 300]),
            family_down=chance.choice(["", "", "ipv4", "ipv6"]),
            verb=chance.choice(["", "", "", "GET", "HEAD"]),
            version=monitor.version,
            expires=chance.choice([None, MIDNIGHT * 2]),
        )
        if slot <= self.now:
            self.add(key, result, retried=chance.random() < 0.02)

    def probes(self, key: str, ok: bool) -> None:
        for _ in range(self.chance.choice([1, 3, 6])):
            self.probe(key, ok)
            self.wait(0.5, 2, 5)

    def window(self, key: str) -> None:
        chance, start = self.chance, self.now + self.chance.choice([-10, 30, 100]) * SECOND
        window: Window = Once(start=start, end=start + chance.choice([20, 300]) * SECOND)
        if chance.random() < 0.4:
            window = Recurring(schedule=Cron("*/10 * * * *", "UTC"), duration=120)
        self.windows += 1
        id = derived_id("window", chance.choice([0, 1, 2]))
        maintenance = Maintenance(
            id=id,
            project="p",
            version=self.windows,
            created=MIDNIGHT,
            revised=self.now,
            name="Works",
            window=window,
            monitors=chance.choice([(), (key,)]),
        )
        self.add(id, MaintenanceDefined(at=self.now, maintenance=maintenance))

    def happen(self) -> None:
        key, chance = self.chance.choice(self.monitors), self.chance
        region = chance.choice(self.REGIONS)
        window = derived_id("window", chance.choice([0, 1, 2]))
        what: list[Callable[[], None]] = [
            *[lambda: self.probes(key, True)] * 10,
            *[lambda: self.probes(key, False)] * 8,
            *[lambda: self.probe(key, chance.random() < 0.5)] * 8,
            self.again,
            self.again,
            lambda: self.define(key),
            lambda: self.change(key, paused=chance.random() < 0.5),
            lambda: self.change(key, name="Other"),
            lambda: self.add(key, MonitorRemoved(at=self.now)),
            lambda: self.add(key, b'{"type":"probe.completed","slot":"soon"}'),
            lambda: self.window(key),
            lambda: self.add(window, MaintenanceRemoved(at=self.now, id=window)),
            lambda: self.add(region, RegionTroubled(region=region, at=self.now)),
            lambda: self.add(region, RegionWell(region=region, at=self.now)),
            lambda: self.add(
                self.router, DependencyChanged(at=self.now, monitor=self.router, down=chance.random() < 0.6)
            ),
            lambda: self.add(key, Tick(slot="ticker", epoch=1, at=self.now, now=self.now), retried=True),
        ]
        if chance.random() < 0.005:
            self.correct_time()
        elif chance.random() < 0.03:
            self.wait(100, 400)
            self.tick()
        else:
            chance.choice(what)()


# Of a monitor, what `MonitorsCourse.define` sets itself.
_GIVEN = frozenset(("id", "project", "version", "created", "revised"))


class DeliveriesCourse(Course):
    """Channels of both kinds, mailboxes, receivers that are well, slow, gone or dead for days."""

    def __init__(self, seed: int, length: int = 900) -> None:
        super().__init__(seed)
        self.session = Session(DeliveriesFold(), PARTITION, View(), "test")
        self.channels = [f"channel-{n}" for n in range(5)]
        self.mails = ["a@example.org", "a+x@example.org", "b@example.org"]
        self.dead = set(self.channels[:2])
        self.asked = 0
        self.tick()
        for key in self.channels:
            self.define(key)
        for number in range(length):
            self.wait(0, 0.5, 1, 1, 5, 40, 300)
            if number % 5 == 0:
                self.tick()
            self.happen()
        for _ in range(12):
            self.wait(86_400)
            self.tick()

    def appended(self, record: Record) -> None:
        self.session.step([record])

    def tick(self) -> None:
        self.add("tick", Tick(slot="ticker", epoch=1, at=self.now, now=self.now))

    def define(self, key: str) -> None:
        chance = self.chance
        endpoint = Endpoint(
            id=key,
            project=chance.choice(["p", "q"]),
            url="https://example.org/",
            notices=chance.choice([NOTICES, NOTICES[:2]]),
            secret="s",
            site=chance.choice(["", "https://up.example.org"]),
        )
        if chance.random() < 0.3:
            unconfirmed = ("a@example.org",) if chance.random() < 0.5 else ()
            quiet = QuietHours(start="22:00", end="06:00") if chance.random() < 0.5 else None
            mail = replace(endpoint, kind="email", url="", addresses=("a@example.org",), unconfirmed=unconfirmed)
            endpoint = replace(mail, digest=chance.choice([None, False]), quiet_hours=quiet)
        elif chance.random() < 0.3:
            endpoint = replace(endpoint, kind="updown", number=7)
        secret_only, disabled_at = chance.random() < 0.3, self.now if chance.random() < 0.1 else None
        event = EndpointDefined(at=self.now, endpoint=endpoint, secret_only=secret_only, disabled_at=disabled_at)
        self.add(key, event)

    def request(self, key: str) -> None:
        chance = self.chance
        request = DeliveryRequested(
            transition=f"t{chance.randrange(200)}",
            at=self.now,
            notices=chance.choice([NOTICES[:1], NOTICES[:2], ("channel.disabled",)]),
            data={"monitor": {"url": "/checks/x", "name": "One"}, "incident": None},
            actor=ACTOR if chance.random() < 0.1 else None,
        )
        self.add(key, request, retried=chance.random() < 0.03)

    def report(self, key: str) -> None:
        chance = self.chance
        pending = [each for _, each in self.session.view.items() if isinstance(each, Delivery) and each.channel == key]
        if not pending:
            return
        delivery = chance.choice(pending)
        status = chance.choice([None, 500, 429]) if key in self.dead else chance.choice([200, 200, 204, 500])
        status = 410 if chance.random() < 0.02 else status
        report = DeliveryAttempted(
            delivery=delivery.id,
            attempt=delivery.attempt + chance.choice([0] * 9 + [1]),
            at=self.now,
            status=status,
            error="" if status else "connection refused",
            timed_out=status is None and chance.random() < 0.5,
            retry_after=chance.choice([None, None, 10, 100_000]),
            replay=delivery.replay,
        )
        self.add(key, report)

    def replay(self, key: str) -> None:
        event = derived_id(f"t{self.chance.randrange(200)}", "monitor.down")
        replay = f"r{self.chance.randrange(50)}"
        again = DeliveryReplayed(replay=replay, at=self.now, event=event, notice="monitor.down", body="{}", actor=ACTOR)
        self.add(key, again)

    def confirmation(self) -> None:
        address = self.chance.choice(self.mails)
        self.asked += 1
        event = ConfirmationRequested(
            at=self.now,
            recipient=derived_id("recipient", address),
            project="p",
            address=address,
            n=self.asked,
            expires=self.now + 86_400 * SECOND,
            name="Project",
        )
        self.add(mailbox_id(address), event)

    def happen(self) -> None:
        key, chance = self.chance.choice(self.channels), self.chance
        answered = mailbox_id(chance.choice(self.mails))
        what: list[Callable[[], None]] = [
            *[lambda: self.request(key)] * 12,
            *[lambda: self.report(key)] * 20,
            self.again,
            self.again,
            lambda: self.define(key),
            lambda: self.replay(key),
            self.confirmation,
            lambda: self.report(answered),
            lambda: self.add(answered, MailboxAnswered(at=self.now, blocked=chance.random() < 0.3)),
            lambda: self.add(key, EndpointRemoved(at=self.now)),
            lambda: self.add(key, b'{"type":"delivery.requested","at":-1}'),
        ]
        if chance.random() < 0.005:
            self.correct_time()
        elif chance.random() < 0.03:
            self.wait(7_200, 86_400)
            self.tick()
        else:
            chance.choice(what)()


class ProjectsCourse(Course):
    """Requests of two projects; from the middle on, events tell the count of partitions."""

    def __init__(self, seed: int, length: int = 300) -> None:
        super().__init__(seed)
        self.partitions = 0
        self.projects = [derived_id("project", n) for n in range(2)]
        self.tick()
        for owner in self.projects:
            project = Project(id=owner, name="P", ping_key="k" * 22, created=0, webhook_secret="s")
            self.add(owner, ProjectCreate(request=f"r{owner}", at=self.now, project=project))
        for number in range(length):
            self.partitions = 8 if number >= length / 2 else 0
            self.wait(0, 0.5, 3, 60)
            if number % 6 == 0:
                self.tick()
            self.ask(f"r{number}")

    def tick(self) -> None:
        tick = Tick(slot="ticker", epoch=1, at=self.now, now=self.now, partition_count=self.partitions)
        self.add("tick", tick)

    def id(self, kind: str, count: int = 5) -> str:
        return derived_id(kind, self.chance.randrange(count))

    def ask(self, name: str) -> None:
        chance, owner = self.chance, self.chance.choice(self.projects)
        request: dict[str, Any] = {"request": name, "at": self.now, "actor": chance.choice([None, ACTOR])}
        request["partition_count"] = self.partitions
        check = CheckFields(name=chance.choice(["a", "b"]), schedule=Simple(chance.choice([60, 600])), channels="*")
        monitor = MonitorFields(name=chance.choice(["a", "b"]), interval=chance.choice([10, 60]))
        channel = Channel(id=self.id("channel"), project=owner, kind="webhook", url="https://example.org/", created=0)
        channel = replace(channel, notices=chance.choice([NOTICES, ("monitor.late", "system.outage")]))
        start = self.now - chance.choice([0, 30, 900]) * SECOND
        outage = OutageEnded(at=self.now, start=start, end=self.now)
        unseen = ThingsUnobserved(
            kind=chance.choice(["check", "monitor"]), at=self.now, start=start, end=self.now, count=2, names=("a", "b")
        )
        if chance.random() < 0.1:
            self.add("outage", outage)
        given = self.id("check", 12)
        self.add(given, CheckClaim(id=given, project=owner, fields=check, **request))
        self.add(given, ClaimReleased(at=self.now, claim=chance.choice([name, "another"])))
        key = ApiKey(id=self.id("key"), project=owner, kind="healthchecks", hash="h", prefix="p", created=0)
        window = MaintenanceFields(name="W", window=Once(start=self.now, end=self.now + 100 * SECOND))
        self.add(
            owner,
            chance.choice(
                [
                    CheckCreate(id=self.id("check", 12), fields=check, **request),
                    CheckCreate(id=self.id("check", 12), fields=check, **request),
                    CheckUpdate(id=self.id("check", 12), fields=check, **request),
                    CheckDelete(id=self.id("check", 12), **request),
                    CheckClaimed(id=self.id("check", 12), fields=check, **request),
                    ChannelCreate(channel=channel, on_every_check=chance.random() < 0.5, **request),
                    ChannelDelete(id=self.id("channel"), **request),
                    ChannelDisabled(channel=self.id("channel"), at=self.now, because="gone", failures=9),
                    unseen,
                    MonitorCreate(id=self.id("monitor"), fields=monitor, **request),
                    MonitorUpdate(id=self.id("monitor"), fields=monitor, **request),
                    MonitorDelete(id=self.id("monitor"), **request),
                    KeyCreate(key=key, **request),
                    MaintenanceCreate(id=self.id("window"), partitions=3, fields=window, **request),
                    MaintenanceDelete(id=self.id("window"), partitions=3, **request),
                ]
            ),
        )


COURSES: Mapping[str, tuple[Callable[[], Fold], Callable[[int], Course]]] = {
    "checks": (Checks, ChecksCourse),
    "monitors": (Monitors, MonitorsCourse),
    "deliveries": (DeliveriesFold, DeliveriesCourse),
    "projects": (Projects, ProjectsCourse),
}


class Outcome:
    """Everything that a fold makes of a course, as a digest, and how much of which kind it was."""

    def __init__(self, fold: Fold, records: list[Record], seed: int) -> None:
        self._fold, self._digest, self._chance = fold, sha256(), Random(seed)
        self.counts: dict[str, int] = {}
        self._states: dict[str, bytes] = {}
        self._open()
        done = 0
        while done < len(records):
            size = self._chance.randint(1, 12)
            batch = self._session.run(records[done : done + size])
            self._note(records[done : done + size], batch.changes, batch.effects)
            done += size
            if self._chance.random() < 0.05:
                self._open()
                if self._chance.random() < 0.3:  # the next owner finds that the journal has lost its end
                    effects = self._session.truncate(max(0, self._session.progress.applied + 1))
                    self._note([], self._session.view.take_changes(), effects)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def _open(self) -> None:
        view = View({key: self._fold.records.decode(value) for key, value in self._states.items()})
        self._session = Session(self._fold, PARTITION, view, "test")

    def _note(self, records: list[Record], changes: Mapping[str, Any], effects: list[Any]) -> None:
        for record in records:
            self._add(record.key or b"", record.value or b"", b"%d" % record.timestamp)
        for key, state in changes.items():
            value = b"" if state is None else encode(state)
            if state is None:
                self._states.pop(key, None)
            else:
                self._states[key] = value
            if isinstance(state, Progress):
                assert key == PROGRESS_KEY
                value = encode(replace(state, epochs=()))
            self._add(key.encode(), value)
        for effect in effects:
            if effect.topic is not DECISIONS:
                for number in range(3) if effect.partition == EVERY else (effect.partition,):
                    self._add(f"{effect.topic} {effect.key} {number}".encode(), encode(effect.value))
            kind = str(effect.value.__struct_config__.tag)
            self.counts[kind] = self.counts.get(kind, 0) + 1

    def _add(self, *parts: bytes) -> None:
        for part in parts:
            self._digest.update(b"%d:" % len(part) + part)


def outcome(fold: str, seed: int) -> Outcome:
    """What a fold makes of the course of a seed."""
    make, course = COURSES[fold]
    return Outcome(make(), course(seed).journal.records, seed)


def main() -> None:
    """Record the digests anew."""
    digests = {fold: {str(seed): outcome(fold, seed).digest for seed in SEEDS} for fold in COURSES}
    FILE.write_text(json.dumps(digests, indent=2) + "\n")


if __name__ == "__main__":
    main()
