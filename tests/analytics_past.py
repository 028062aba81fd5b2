"""Five weeks of two monitors, two jobs and two channels, as history holds them: every row stands there twice."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from processors.history.probe_hours import PROBE_HOURS
from processors.history.response_times import RESPONSE_TIMES
from processors.history.roll_ups import roll_up
from processors.history.rows import PINGS, PROBES, THINGS, Row, Table, ping_row, probe_row, thing_row, transition_row
from schemas.actors import Actor
from schemas.base import SECOND, Micros, encode
from schemas.definitions import Channel, Check, Project
from schemas.deliveries import event_id
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.pings import Ping
from schemas.probes import ProbeCompleted
from schemas.schedules import Cron
from schemas.transitions import (
    DeliveryFinished,
    FieldChange,
    GapSeen,
    Outcome,
    PingFolded,
    StatusChanged,
    ThingChanged,
    Transition,
    ValidityTold,
    VisibleStatus,
)

MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR

PROJECT, API, SHOP, BACKUP, REPORT, CHAT, MAIL = (
    derived_id("analytics", name) for name in ("project", "api", "shop", "backup", "report", "chat", "mail")
)

# What became of a thing when: days before today, hours of that day, status, cause.
_Story = list[tuple[int, float, VisibleStatus, str]]
STORIES: dict[str, _Story] = {
    API: [
        (40, 1, "up", ""), (10, 1, "down", "HTTP 500"), (10, 1.5, "up", ""), (3, 23, "down", "timeout"),
        (2, 0.5, "up", ""), (2, 12, "down", "HTTP 502"), (2, 12.25, "up", ""),
    ],
    SHOP: [(40, 0, "up", ""), (1, 20, "down", "connection refused")],
    BACKUP: [
        (40, 2, "up", ""), (5, 2, "late", ""), (5, 2.25, "not_observed", ""), (5, 2.75, "up", ""),
        (4, 3, "maintenance", ""), (4, 4, "up", ""),
    ],
    REPORT: [(40, 2, "up", ""), (20, 2, "down", "no ping"), (19, 2, "up", ""), (15, 0, "removed", "")],
}  # fmt: skip


class AnalyticsPast:
    """today: the beginning of the present day in UTC, microseconds."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        self.today = int(self.now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * SECOND
        self.changes = [change for thing in STORIES for change in self._changes(thing)]

    def at(self, days: int, hours: float = 0) -> Micros:
        """A moment `days` before today."""
        return self.today - days * DAY + int(hours * HOUR)

    def went_down(self, thing: str) -> list[StatusChanged]:
        return [change for change in self.changes if change.thing == thing and change.now == "down"]

    def write(self, client: Client) -> None:
        """Insert everything twice, and roll it up."""
        rows: dict[Table, list[Row]] = {
            THINGS: list(self._names()), PINGS: [], PROBES: [],
        }  # fmt: skip
        for off, event in enumerate((*self.changes, *self._others())):
            found = transition_row(0, off, encode(event))
            assert found is not None
            rows.setdefault(found[0], []).append(found[1])
        for off in range(8):
            ping = Ping(kind="success", at=self.at(1, off), body="secret", rid=derived_id("run", off), exitstatus=0)
            rows[PINGS].append(_there(ping_row(0, 1_000 + off, 0, BACKUP.encode(), encode(ping))))
        for result in self._results():
            rows[PROBES].append(_there(probe_row(API.encode(), encode(result))))
        for table, each in rows.items():
            for _ in range(2):
                client.insert(table.name, each, table.columns, column_type_names=table.types)
        for kind in (PROBE_HOURS, RESPONSE_TIMES):
            roll_up(client, kind)

    def _names(self) -> Iterator[Row]:
        made = self.at(40)
        things: list[Any] = [
            Project(id=PROJECT, name="Default", ping_key="k", created=made, webhook_secret=""),
            Check(id=BACKUP, project=PROJECT, version=1, created=made, name="old name", tags="prod"),
            Check(
                id=BACKUP, project=PROJECT, version=2, created=made, name="backup", tags="prod nightly",
                schedule=Cron("0 2 * * *", "UTC"),
            ),
            Check(id=REPORT, project=PROJECT, version=1, created=made, name="report", tags="prod"),
            Monitor(id=API, project=PROJECT, version=1, created=made, revised=made, name="api"),
            Monitor(id=SHOP, project=PROJECT, version=1, created=made, revised=made, name="shop"),
            Channel(id=CHAT, project=PROJECT, kind="slack", url="https://chat.invalid/x", created=made, name="chat"),
            Channel(id=MAIL, project=PROJECT, kind="email", url="", created=made, name="mail"),
        ]  # fmt: skip
        for off, thing in enumerate(things):
            key = f"{thing.__struct_config__.tag}/{thing.id}".encode()
            yield _there(thing_row(off, made // 1_000, key, encode(thing)))
        yield _there(thing_row(100, self.at(15) // 1_000, f"check/{REPORT}".encode(), None))

    def _changes(self, thing: str) -> Iterator[StatusChanged]:
        was: VisibleStatus = "new"
        since, incident = self.at(40), None
        for n, (days, hours, now, why) in enumerate(STORIES[thing]):
            at = self.at(days, hours)
            opened = derived_id(thing, "incident", n) if now == "down" else None
            yield StatusChanged(
                id=derived_id(thing, "change", n), n=n, thing=thing, project=PROJECT, at=at, detected_at=at + SECOND,
                since=since, was=was, now=now, reason="probe", incident=opened or incident, detail=why,
            )  # fmt: skip
            was, since, incident = now, at, opened

    def _others(self) -> Iterator[Transition]:
        for day in range(1, 36):
            lasted = (60 if day > 7 else 90) * SECOND
            yield PingFolded(thing=BACKUP, offset=10_000 + day, at=self.at(day, 2), duration=lasted)
        # Of pings, of which one counted as another kind, and one not at all.
        yield PingFolded(thing=BACKUP, offset=1_000, at=self.at(1), kind="fail")
        yield PingFolded(thing=BACKUP, offset=1_001, at=self.at(1, 1), counted=False)
        first, second, third = self.went_down(API)
        ends: tuple[tuple[str, StatusChanged, Outcome, int, int], ...] = (
            (CHAT, first, "delivered", 1, 2), (CHAT, second, "exhausted", 5, 600), (CHAT, third, "delivered", 2, 30),
            (MAIL, third, "delivered", 1, 4), (MAIL, second, "gathered", 0, 0),
        )  # fmt: skip
        for channel, change, outcome, attempts, after in ends:
            yield DeliveryFinished(
                id=derived_id(channel, change.id), channel=channel, notice="monitor.down", outcome=outcome,
                attempts=attempts, at=change.detected_at + after * SECOND, event=event_id(change.id, "monitor.down"),
                began=change.detected_at, body="{}",
            )  # fmt: skip
        said = (FieldChange(field="by", new="Ada"), FieldChange(field="incident", new=second.incident))
        for minutes, by in ((12, said), (40, (FieldChange(field="by", new="Bo"), said[1]))):
            yield ThingChanged(
                id=derived_id("said", minutes), project=PROJECT, at=second.at + minutes * MINUTE, changes=by,
                actor=Actor(kind="api_key"), command="incident.acknowledge", action="acknowledged", kind="monitor",
                thing=API, name="api",
            )  # fmt: skip
        yield ValidityTold(
            id=derived_id("told"), n=1, thing=API, project=PROJECT, at=self.at(6), detected_at=self.at(6),
            notice="monitor.ssl_expiration", detail="7 days left",
        )  # fmt: skip
        for partition in (0, 1):
            yield GapSeen(partition=partition, cause="no source", start=self.at(5, 2.25))
            yield GapSeen(partition=partition, cause="no source", start=self.at(5, 2.25), end=self.at(5, 2.5))

    def _results(self) -> Iterator[ProbeCompleted]:
        for number in range(200):
            region = ("eu", "us")[number % 2]
            yield ProbeCompleted(
                slot=self.at(2, 10) + number * 30 * SECOND, region=region, at=self.at(2, 10) + number * 30 * SECOND,
                took=200_000 if number < 180 else 1_000_000, ok=region == "eu" or number >= 20, failure="timeout" if
                region == "us" and number < 20 else "", maintenance=number in (100, 101),
            )  # fmt: skip


def _there(row: Row | None) -> Row:
    assert row is not None
    return row
