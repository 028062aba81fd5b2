"""Rows of history from records of Kafka: pure, and total. A record that is no fact of history gives no row, whatever
it holds; a row that it gives fits its table, whatever a producer wrote.

Columns and their meaning: infra/clickhouse/tables/0001_history.sql.
"""

from typing import Any, NamedTuple

import msgspec

from schemas.base import Micros
from schemas.dead_letters import DeadLetter
from schemas.definitions import Channel, Check, Definition, Project
from schemas.monitors import Monitor
from schemas.pings import Ping, PingsEvent
from schemas.probe_kinds import PROBER_ERRORS
from schemas.probes import ProbeCompleted, ProbeResultsEvent
from schemas.transitions import (
    DeliveryFinished,
    GapSeen,
    PingFolded,
    StatusChanged,
    ThingChanged,
    Transition,
    ValidityTold,
)

Row = tuple[Any, ...]


class Table(NamedTuple):
    """A table as the writer fills it."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]


def _table(name: str, /, **columns: str) -> Table:
    return Table(name, tuple(columns), tuple(columns.values()))


_TIME = "DateTime64(6, 'UTC')"
_WORD = "LowCardinality(String)"

PINGS = _table(
    "pings", check_id="String", part="UInt16", off="UInt64", at=_TIME, kind=_WORD, exitstatus="Int16", rid="String",
    scheme="String", method="String", remote_addr="String", ua="String", body_size="UInt32", body="String",
)  # fmt: skip
PING_FACTS = _table(
    "ping_facts",
    check_id="String", part="UInt16", off="UInt64", at=_TIME, kind=_WORD, duration="Int64", counted="UInt8",
)  # fmt: skip
SPANS = _table(
    "spans", thing="String", n="UInt64", project="String", state=_WORD, since=_TIME, at=_TIME, became=_WORD,
    reason=_WORD, detected_at=_TIME, transition="String", incident="String", detail="String", partial="UInt8",
)  # fmt: skip
GAPS = _table("gaps", part="UInt16", since=_TIME, cause=_WORD, slot="String", until=_TIME, off="UInt64")
DELIVERIES_FINISHED = _table(
    "deliveries_finished",
    channel="String", at=_TIME, delivery="String", notice=_WORD, outcome=_WORD, attempts="UInt32", detail="String",
    event="String", body="String", began=_TIME, replay="String",
)  # fmt: skip

PROBES = _table(
    "probe_results", monitor="String", slot=_TIME, confirm="UInt16", region=_WORD, at=_TIME, ok="UInt8", failure=_WORD,
    detail="String", status="Int16", took="UInt32", redirect="Int32", lookup="Int32", connect="Int32", tls="Int32",
    first_byte="Int32", address="String", maintenance="UInt8", method=_WORD, http_version=_WORD, url="String",
    family_down=_WORD, families="String",
)  # fmt: skip

AUDIT = _table(
    "audit", project="String", at=_TIME, part="UInt16", off="UInt64", id="String", command=_WORD, action=_WORD,
    kind=_WORD, thing="String", thing_name="String", actor=_WORD, key_id="String", user="String", address="String",
    changes="String", others="UInt32", retried="UInt8",
)  # fmt: skip

VALIDITY_TOLD = _table(
    "validity_told", thing="String", n="UInt64", project="String", at=_TIME, detected_at=_TIME, notice=_WORD,
    silent="UInt8", id="String", detail="String", data="String",
)  # fmt: skip

THINGS = _table(
    "things", kind=_WORD, id="String", removed="UInt8", off="UInt64", at=_TIME, project="String", name="String",
    tags="Array(String)", type=_WORD, created=_TIME,
)  # fmt: skip

LOST_RECORDS = _table("lost_records", topic=_WORD, part="UInt16", since="UInt64", until="UInt64")

# Facts stand before the pings they belong to: who sees a ping then sees what was folded with it.
TABLES = (PING_FACTS, SPANS, GAPS, DELIVERIES_FINISHED, PINGS, PROBES, AUDIT, VALIDITY_TOLD, THINGS, LOST_RECORDS)

# What every time column holds (an hour is a 32-bit DateTime). A time outside was never real.
_LAST_TIME: Micros = 4_102_444_800_000_000  # 2100-01-01

_TICK = b'{"type":"tick"'
_DEFINED = b'{"type":"check.defined"'
_MONITOR = b'{"type":"monitor.'
_NAMED = (b"project/", b"check/", b"monitor/", b"channel/")

# The decoders of the folds, so that history and state agree on what is valid. Bytes from outside make them raise more
# than msgspec's own errors (no UTF-8, endless nesting).
_decode_ping = msgspec.json.Decoder(PingsEvent).decode
_decode_probe = msgspec.json.Decoder(ProbeResultsEvent).decode
_decode_transition = msgspec.json.Decoder(Transition).decode
_decode_letter = msgspec.json.Decoder(DeadLetter).decode
_decode_definition = msgspec.json.Decoder(Definition).decode


def _time(at: Micros) -> Micros:
    return min(max(at, 0), _LAST_TIME)


def _count(number: int, bits: int) -> int:
    return min(max(number, 0), (1 << bits) - 1)


def ping_row(part: int, off: int, timestamp_ms: int, key: bytes | None, value: bytes | None) -> Row | None:
    """The row of a record of `pings`, when it is a ping."""
    # Ticks come once a second in every partition: they must cost nothing. Our own encoder writes the type first; an
    # event that somebody wrote in another order is told by its decoding.
    if value is None or key is None or value.startswith((_TICK, _DEFINED)):
        return None
    try:
        ping = _decode_ping(value)
        check = key.decode()
    except Exception:  # not valid: the fold puts it into dead-letters
        return None
    if not isinstance(ping, Ping):
        return None
    text, packed = ping.body, ping.body_base64
    body = text.encode() if text is not None else packed or b""
    at = ping.at
    return (
        check,
        part,
        off,
        _time(timestamp_ms * 1000 if at is None else at),
        ping.kind,
        -1 if ping.exitstatus is None else ping.exitstatus,
        ping.rid or "",
        ping.scheme,
        ping.method,
        ping.remote_addr,
        ping.ua,
        len(body),
        body,
    )


def probe_row(key: bytes | None, value: bytes | None) -> Row | None:
    """The row of a record of `probe-results`, when it is a result that says something of its target."""
    if value is None or key is None or value.startswith((_TICK, _MONITOR)):
        return None
    try:
        event = _decode_probe(value)
        monitor = key.decode()
    except Exception:
        return None
    if not isinstance(event, ProbeCompleted) or event.failure in PROBER_ERRORS:
        return None
    phases = event.phases
    return (
        monitor, _time(event.slot), _count(event.confirm, 16), event.region, _time(event.at), int(event.ok),
        event.failure, event.detail, -1 if event.status is None else event.status % 1_000, _count(event.took, 32),
        *(-1 if took is None else _count(took, 31) for took in
          (phases.redirect, phases.lookup, phases.connect, phases.tls, phases.first_byte)),
        event.address, int(event.maintenance), event.method, event.http_version, event.url,
        event.family_down,
        msgspec.json.encode(event.families).decode() if event.families else "",
    )  # fmt: skip


def transition_row(part: int, off: int, value: bytes | None) -> tuple[Table, Row] | None:
    """The row of a record of `transitions`, and its table."""
    try:
        event = _decode_transition(value or b"")
    except Exception:
        return None
    match event:
        case PingFolded():
            return PING_FACTS, (
                event.thing, part, event.offset, _time(event.at), event.kind or "",
                -1 if event.duration is None else _count(event.duration, 63), int(event.counted),
            )  # fmt: skip
        case StatusChanged():
            return SPANS, (
                event.thing, event.n, event.project, event.was, _time(event.since), _time(event.at), event.now,
                event.reason, _time(event.detected_at), event.id, event.incident or "", event.detail,
                int(event.partial),
            )  # fmt: skip
        case GapSeen():
            return GAPS, (event.partition, _time(event.start), event.cause, event.slot, _time(event.end or 0), off)
        case DeliveryFinished():
            return DELIVERIES_FINISHED, (
                event.channel, _time(event.at), event.id, event.notice, event.outcome, _count(event.attempts, 32),
                event.detail, event.event, event.body, _time(event.began or 0), event.replay,
            )  # fmt: skip
        case ThingChanged(actor=actor):
            return AUDIT, (
                event.project, _time(event.at), part, off, event.id, event.command, event.action, event.kind,
                event.thing, event.name, actor.kind, actor.key, actor.user, actor.address,
                msgspec.json.encode(event.changes), _count(event.others, 32), int(event.retried),
            )  # fmt: skip
        case ValidityTold():
            return VALIDITY_TOLD, (
                event.thing, _count(event.n, 64), event.project, _time(event.at), _time(event.detected_at),
                event.notice, int(event.silent), event.id, event.detail, msgspec.json.encode(_own(event.data)),
            )  # fmt: skip
        case _:
            return None


def _own(data: dict[str, Any]) -> dict[str, Any]:
    """What a notice says besides what its row has."""
    return {name: value for name, value in data.items() if name not in ("monitor", "incident", "detail")}


def refused_row(value: bytes | None, journal: str) -> Row | None:
    """The fact that a dead letter of `journal` is no counted ping, a row of `PING_FACTS`.

    A fold that refuses an event says nothing else of it, but its row may stand in `pings` (a ping dated in the future).
    """
    try:
        letter = _decode_letter(value or b"")
    except Exception:
        return None
    if letter.topic != journal:
        return None
    return letter.key, letter.partition, letter.offset, _time(letter.at), "", -1, 0


def thing_row(off: int, timestamp_ms: int, key: bytes | None, value: bytes | None) -> Row | None:
    """The row of `THINGS` of a record of `definitions`, when it is of something that has a name; value None: it was
    removed."""
    if key is None or not key.startswith(_NAMED):
        return None
    written = _time(timestamp_ms * 1_000)
    try:
        kind, _, id = key.decode().partition("/")
        if value is None:
            return kind, id, 1, off + 1, written, "", "", [], "", 0
        thing = _decode_definition(value)
    except Exception:
        return None
    match thing:
        case Project():
            project, tags, type = thing.id, list[str](), ""
        case Check():
            project, tags, type = thing.project, thing.tags.split(), str(thing.schedule.__struct_config__.tag)
        case Monitor() | Channel():
            project, tags, type = thing.project, [], thing.kind
        case _:
            return None
    return kind, id, 0, off + 1, written, project, thing.name, tags, type, _time(thing.created)
