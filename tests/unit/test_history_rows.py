"""Rows of history: what becomes a row, and that a row fits its table whatever a producer wrote."""

import json
import re
from base64 import b64encode
from typing import Any

import msgspec
import pytest
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clickhouse.address import Address
from infra.clickhouse.migrations import all_migrations, statements
from processors.history.roll_ups import chunks_of
from processors.history.rows import (
    DELIVERIES_FINISHED,
    GAPS,
    PING_FACTS,
    PINGS,
    SPANS,
    TABLES,
    THINGS,
    VALIDITY_TOLD,
    Row,
    Table,
    ping_row,
    refused_row,
    thing_row,
    transition_row,
)
from schemas.base import Fact, encode
from schemas.dead_letters import DeadLetter
from schemas.definitions import Channel, Check
from schemas.pings import CheckRemoved, Ping, PingsEvent
from schemas.ticks import Tick
from schemas.transitions import (
    ChannelTroubled,
    DeliveryFinished,
    GapSeen,
    PingFolded,
    RegionDisregarded,
    StatusChanged,
    ValidityTold,
)

CHECK = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
LAST = 4_102_444_800_000_000


def row_of(value: bytes, key: bytes | None = CHECK.encode()) -> dict[str, Any] | None:
    row = ping_row(3, 42, 1_700_000_000_123, key, value)
    return None if row is None else dict(zip(PINGS.columns, row, strict=True))


def encoded(table: Table, rows: list[Row]) -> bytes:
    """The rows as the client sends them; raises when one does not fit."""
    types = [get_from_name(name) for name in table.types]
    context = InsertContext(table.name, table.columns, types, list(zip(*rows, strict=True)), column_oriented=True)
    sent = b"".join(NativeTransform().build_insert(context))
    assert context.insert_exception is None
    return sent


class TestPings:
    def test_a_ping_as_ingest_writes_it(self) -> None:
        ping = Ping(
            kind="fail", at=1_700_000_001_000_001, exitstatus=3, rid=CHECK, body="läuft", scheme="https",
            method="POST", remote_addr="::1", ua="curl/8",
        )  # fmt: skip
        assert row_of(encode(ping)) == {
            "check_id": CHECK, "part": 3, "off": 42, "at": 1_700_000_001_000_001, "kind": "fail", "exitstatus": 3,
            "rid": CHECK, "scheme": "https", "method": "POST", "remote_addr": "::1", "ua": "curl/8", "body_size": 6,
            "body": "läuft".encode(),
        }  # fmt: skip

    def test_the_least_ping_of_a_kafka_tool_is_dated_by_its_record(self) -> None:
        row = row_of(b'{"type":"ping.received","kind":"success"}')
        assert row is not None
        assert row["at"] == 1_700_000_000_123_000
        assert (row["exitstatus"], row["rid"], row["body"]) == (-1, "", b"")

    def test_a_body_that_is_no_text(self) -> None:
        row = row_of(encode(Ping(kind="log", body_base64=b"\xff\x00")))
        assert row is not None
        assert (row["body"], row["body_size"]) == (b"\xff\x00", 2)

    @pytest.mark.parametrize(
        "value",
        [
            encode(Tick(slot="a", epoch=1, at=1, now=1)),
            b' {"now":1,"at":1,"epoch":1,"slot":"a","type":"tick"}',
            encode(CheckRemoved(at=1)),
            b"",
            b"no JSON",
            b'{"kind":"success"}',
            b'{"type":"ping.received","kind":"nonsense"}',
            b'{"type":"ping.received","kind":"success","ua":"\xff"}',
            b'{"type":"ping.received","kind":"success","x":' + b"[" * 100_000,
        ],
    )
    def test_what_is_no_ping_gives_no_row(self, value: bytes) -> None:
        assert row_of(value) is None

    def test_a_key_that_is_no_text_gives_no_row(self) -> None:
        assert row_of(encode(Ping(kind="success")), key=b"\xff") is None
        assert row_of(encode(Ping(kind="success")), key=None) is None

    @settings(deadline=None)
    @given(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["ping.received", "tick", 7])},
            optional={
                "kind": st.sampled_from(["success", "start", "fail", "log", "ign"]),
                "at": st.none() | st.integers(-(10**30), 10**30) | st.floats(),
                "exitstatus": st.integers(-2, 300),
                "rid": st.none() | st.uuids().map(str) | st.text(max_size=5),
                "body": st.none() | st.text(),
                "body_base64": st.binary().map(lambda raw: b64encode(raw).decode()) | st.text(max_size=5),
                "ua": st.text(),
                "remote_addr": st.text(),
                "unknown": st.recursive(st.none() | st.text(), st.lists, max_leaves=5),
            },
        )
    )
    def test_the_fold_and_history_agree_on_what_is_a_ping_and_every_row_fits(self, event: dict[str, Any]) -> None:
        value = json.dumps(event).encode(errors="surrogatepass")
        try:
            valid = isinstance(msgspec.json.decode(value, type=PingsEvent), Ping)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            valid = False
        row = ping_row(65_535, 2**62, 1_700_000_000_123, CHECK.encode(), value)
        assert (row is not None) == valid
        if row is not None:
            assert encoded(PINGS, [row, row])

    @settings(deadline=None)
    @given(st.binary(max_size=50), st.binary(max_size=50), st.integers(-1, 2**63 - 1))
    def test_any_bytes_are_survived(self, key: bytes, value: bytes, timestamp: int) -> None:
        ping_row(0, 0, timestamp, key, value)
        transition_row(0, 0, value)
        refused_row(value, "pings")


class TestTransitions:
    @pytest.mark.parametrize(
        ("event", "table", "row"),
        [
            (
                PingFolded(thing=CHECK, offset=9, at=5, kind="ign", duration=7),
                PING_FACTS,
                (CHECK, 3, 9, 5, "ign", 7, 1),
            ),
            (PingFolded(thing=CHECK, offset=9, at=5, counted=False), PING_FACTS, (CHECK, 3, 9, 5, "", -1, 0)),
            (
                StatusChanged(
                    id="t", n=4, thing=CHECK, project="p", at=20, detected_at=25, since=10, was="late", now="down",
                    reason="deadline", incident="i", detail="d",
                ),
                SPANS,
                (CHECK, 4, "p", "late", 10, 20, "down", "deadline", 25, "t", "i", "d", 0),
            ),
            (
                StatusChanged(
                    id="t", n=4, thing=CHECK, project="p", at=20, detected_at=25, since=10, was="up", now="down",
                    reason="probe", incident="i", detail="d", partial=True,
                ),
                SPANS,
                (CHECK, 4, "p", "up", 10, 20, "down", "probe", 25, "t", "i", "d", 1),
            ),
            (GapSeen(partition=2, cause="refused", start=1, slot="s"), GAPS, (2, 1, "refused", "s", 0, 42)),
            (GapSeen(partition=2, cause="refused", start=1, end=8), GAPS, (2, 1, "refused", "", 8, 42)),
            (
                DeliveryFinished(id="d", channel="c", notice="monitor.down", outcome="gone", attempts=3, at=6),
                DELIVERIES_FINISHED,
                ("c", 6, "d", "monitor.down", "gone", 3, "", "", "", 0, ""),
            ),
            (
                DeliveryFinished(
                    id="d", channel="c", notice="monitor.down", outcome="delivered", attempts=1, at=6, detail="x",
                    event="e", body="{}", began=5, replay="r",
                ),
                DELIVERIES_FINISHED,
                ("c", 6, "d", "monitor.down", "delivered", 1, "x", "e", "{}", 5, "r"),
            ),
            (
                ValidityTold(
                    id="v", n=2, thing=CHECK, project="p", at=6, detected_at=7, notice="monitor.ssl_invalid",
                    silent=True, detail="x", data={"monitor": {"id": CHECK}, "incident": None, "error": "e"},
                ),
                VALIDITY_TOLD,
                (CHECK, 2, "p", 6, 7, "monitor.ssl_invalid", 1, "v", "x", b'{"error":"e"}'),
            ),
        ],
    )  # fmt: skip
    def test_each_has_its_row(self, event: Fact, table: Table, row: Row) -> None:
        assert transition_row(3, 42, encode(event)) == (table, row)
        assert encoded(table, [row])

    def test_what_history_does_not_keep(self) -> None:
        assert transition_row(3, 42, encode(ChannelTroubled(channel="c", at=1, failures=3))) is None
        assert transition_row(3, 42, encode(RegionDisregarded(partition=3, region="riga", start=1, end=8))) is None
        assert transition_row(3, 42, b"no JSON") is None
        assert transition_row(3, 42, None) is None

    @settings(deadline=None)
    @given(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62))
    def test_any_time_fits(self, at: int, duration: int) -> None:
        found = transition_row(0, 0, encode(PingFolded(thing=CHECK, offset=1, at=at, duration=duration)))
        assert found is not None
        assert 0 <= found[1][3] <= LAST
        assert encoded(found[0], [found[1]])


class TestRefused:
    def letter(self, topic: str) -> bytes:
        return encode(
            DeadLetter(topic=topic, partition=5, offset=77, key=CHECK, value=b"\xff", reason="ahead of time", at=9)
        )

    def test_a_refused_ping_is_not_counted(self) -> None:
        assert refused_row(self.letter("pings"), "pings") == (CHECK, 5, 77, 9, "", -1, 0)

    def test_dead_letters_of_other_journals_are_no_history(self) -> None:
        assert refused_row(self.letter("projects"), "pings") is None


class TestThings:
    def test_a_definition_is_a_name(self) -> None:
        check = Check(id=CHECK, project="p", version=1, created=7, name="backup", tags=" prod  night ")
        row = thing_row(41, 2, f"check/{CHECK}".encode(), encode(check))
        assert row == ("check", CHECK, 0, 42, 2_000, "p", "backup", ["prod", "night"], "simple", 7)

    def test_a_tombstone_is_a_removal(self) -> None:
        assert thing_row(41, 2, b"monitor/m", None) == ("monitor", "m", 1, 42, 2_000, "", "", [], "", 0)

    def test_no_secret_is_in_a_row(self) -> None:
        channel = Channel(id="c", project="p", kind="slack", url="https://a.invalid/secret", created=1, name="chat")
        row = thing_row(0, 0, b"channel/c", encode(channel))
        assert row is not None
        assert "secret" not in repr(row)

    @pytest.mark.parametrize("key", [b"partition", b"tokens", b"key/k", b"recipient/r", b"", None])
    def test_what_has_no_name_gives_no_row(self, key: bytes | None) -> None:
        assert thing_row(0, 0, key, None) is None
        assert thing_row(0, 0, key, encode(Check(id=CHECK, project="p", version=1, created=7))) is None

    @given(st.binary(max_size=40) | st.none(), st.binary(max_size=40), st.integers(0, 2**62), st.integers(-1, 2**62))
    def test_whatever_a_record_holds_its_row_fits(
        self, value: bytes | None, id: bytes, off: int, timestamp_ms: int
    ) -> None:
        row = thing_row(off, timestamp_ms, b"check/" + id, value)
        if row is not None:
            assert encoded(THINGS, [row])


class TestTables:
    def test_the_migrations_make_the_columns_that_the_writer_fills(self) -> None:
        made = " ".join(text for _, sql in all_migrations() for text in statements(sql))
        for table in TABLES:
            body = re.search(rf"CREATE TABLE IF NOT EXISTS {table.name} \((.*?)\) ENGINE", made, re.DOTALL)
            assert body is not None
            columns = dict(re.findall(r"^\s+(\w+) (\w+(?:\([^)]*\))?) (?:DEFAULT|CODEC)", body[1], re.MULTILINE))
            for added in re.findall(rf"ALTER TABLE {table.name}\n(.*?CODEC\S*\)\)(?!,))", made, re.DOTALL):
                columns |= dict(re.findall(r"ADD COLUMN IF NOT EXISTS (\w+) (\w+(?:\([^)]*\))?) CODEC", added))
            assert {name: columns[name] for name in table.columns} == dict(zip(table.columns, table.types, strict=True))
            assert columns.keys() - set(table.columns) <= {"inserted_at", "found_at"}  # the time of the insert

    def test_statements_are_told_apart(self) -> None:
        assert statements("-- a; b\nSELECT ';',\n  1;\n\nSELECT 2;") == ["SELECT ';',\n  1", "SELECT 2"]


class TestChunks:
    @given(st.dictionaries(st.text(max_size=3), st.integers(1, 400_000), max_size=12))
    def test_every_check_is_in_one_chunk_and_chunks_are_no_larger_than_they_must(self, rows: dict[str, int]) -> None:
        touched = sorted(rows.items())
        chunks = list(chunks_of(touched))
        members = [[check for check, _ in touched if first <= check <= last] for first, last in chunks]
        assert [check for chunk in members for check in chunk] == [check for check, _ in touched]
        assert all(sum(rows[check] for check in chunk[:-1]) < 300_000 for chunk in members)


class TestAddress:
    def test_all_parts(self) -> None:
        assert Address.parse("https://u%40x:p%2F@db.example:1/mon_1") == Address(
            host="db.example", port=1, database="mon_1", user="u@x", password="p/", secure=True
        )

    def test_defaults(self) -> None:
        assert Address.parse("http://localhost") == Address(host="localhost", port=8123)

    @pytest.mark.parametrize("url", ["localhost:8123", "tcp://h", "http://h/a`b", "http://"])
    def test_what_is_none(self, url: str) -> None:
        with pytest.raises(ValueError, match="CLICKHOUSE_URL"):
            Address.parse(url)

    def test_the_password_is_not_told(self) -> None:
        assert "geheim" not in repr(Address.parse("http://u:geheim@h"))
