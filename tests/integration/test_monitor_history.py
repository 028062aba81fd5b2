"""Results of probes, their roll-ups and incidents, on the real ClickHouse, against a count by hand.

What must be true: a result counts once, however often it stands there and whichever of rows, hours and days it is read
from; what is recomputed is right, and what cannot be recomputed any more is kept.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from math import ceil
from random import Random
from typing import NamedTuple
from uuid import uuid4

import msgspec
import pytest
from msgspec.structs import replace

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse, connect
from infra.clickhouse.migrations import migrate
from processors.history.probe_hours import PROBE_HOURS
from processors.history.response_times import RESPONSE_TIMES
from query_api.history.monitors import Counts, DownTime, IncidentRow, MonitorHistory, Which
from query_api.history.validity import ToldRow
from query_api.history.windows import DAY, HOUR
from query_api.poppaping.incidents import MOST_IDS
from schemas.base import SECOND, Micros
from schemas.probes import Failure, FamilyResult, ProbeCompleted
from schemas.transitions import StatusChanged, ValidityTold, VisibleStatus
from tests.history_store import HistoryStore, connected

pytestmark = pytest.mark.stack

MIDNIGHT = 1_795_046_400 * SECOND
MINUTE = 60 * SECOND


class Result(NamedTuple):
    monitor: str
    slot: Micros
    ok: bool = True
    took: Micros = 1_000
    region: str = "local"
    confirm: int = 0
    lateness: Micros = 0
    maintenance: bool = False

    def event(self) -> ProbeCompleted:
        failure: Failure = "" if self.ok else "timeout"
        return ProbeCompleted(
            slot=self.slot, confirm=self.confirm, region=self.region, at=self.slot + self.lateness, ok=self.ok,
            failure=failure, took=self.took, maintenance=self.maintenance,
        )  # fmt: skip


class Store(HistoryStore):
    def insert(self, results: Sequence[Result]) -> None:
        self.insert_events((result.monitor, result.event()) for result in results)


@pytest.fixture
def address(clickhouse_url: str) -> Address:
    url = f"{clickhouse_url.rstrip('/')}/monitors{uuid4().hex[:8]}"
    migrate(url)
    return Address.parse(url)


@pytest.fixture
def store(address: Address) -> Iterator[Store]:
    with connected(address) as client:
        yield Store(client, PROBE_HOURS, RESPONSE_TIMES)


@pytest.fixture
async def history(address: Address) -> AsyncIterator[MonitorHistory]:
    clickhouse = ClickHouse(address)
    yield MonitorHistory(clickhouse)
    await clickhouse.close()


def counted(results: Sequence[Result], monitor: str, start: Micros) -> Counts:
    """By hand: of a result that stands twice, the newer row; none in maintenance."""
    kept = {
        (one.slot, one.region): one
        for one in results
        if one.monitor == monitor and one.slot >= start and not one.confirm
    }
    judged = [one for one in kept.values() if not one.maintenance]
    well = [one.took for one in judged if one.ok]
    return Counts(len(judged), len(well), sum(well) / len(well) if well else None)


def minutes(count: int, start: Micros = MIDNIGHT, monitor: str = "a") -> list[Result]:
    """A result a minute; every seventh failed."""
    return [Result(monitor, start + n * MINUTE, ok=n % 7 > 0, took=1_000 * (n + 1)) for n in range(count)]


class TestCounts:
    @pytest.mark.parametrize(("seed", "few_within"), [(0, 7_200), (1, 7_200), (2, -7_200)])
    async def test_agree_with_a_count_by_hand_at_every_stage(
        self, store: Store, history: MonitorHistory, monkeypatch: pytest.MonkeyPatch, seed: int, few_within: int
    ) -> None:
        """Random results, doubles, late ones and some in maintenance among them, come in between roll-ups: such as
        are few enough to be counted here, and such as are not."""
        monkeypatch.setattr("query_api.history.windows._FEW_WITHIN", few_within)
        random = Random(seed)
        known: list[Result] = []
        for stage in range(4):
            fresh = [_random_result(random) for _ in range(300)]
            fresh += [one._replace(ok=not one.ok, lateness=SECOND) for one in random.sample(known + fresh, 60)]
            store.insert(fresh)
            known += fresh
            if stage < 3:
                store.roll_up() if stage == 1 else store.settle()
            starts = [random.randrange(MIDNIGHT - DAY, MIDNIGHT + 5 * DAY) for _ in range(8)]
            starts += [random.choice(known).slot + step for step in (-1, 0, 1)]
            starts += [MIDNIGHT + 2 * DAY + step for step in (-1, 0, 1, HOUR - 1, HOUR)]
            for start in starts:
                for monitor in ("a", "b"):
                    assert await history.counts(monitor, start) == pytest.approx(counted(known, monitor, start)), start
            for start, monitor in zip(starts[:6], "ababab", strict=True):
                end, by_day = start + random.randrange(1, 4 * DAY), random.random() < 0.5
                view = await history.view(monitor, start, end, by_day, start)
                assert view.observed == await history.observed(monitor, start), "in one question, as in several"
                assert view.measured == await history.response_times.read(monitor, start, end, by_day)
        assert await history.counts("c", 0) == Counts(0, 0, None)

    async def test_what_was_inserted_twice_counts_once(self, store: Store, history: MonitorHistory) -> None:
        results = minutes(180)
        for _ in range(3):
            store.insert(results)
            store.roll_up()
        confirmed = [one._replace(confirm=1) for one in results]
        store.insert(confirmed)
        assert await history.counts("a", MIDNIGHT) == counted(results, "a", MIDNIGHT)
        store.settle()
        assert await history.counts("a", MIDNIGHT) == counted(results, "a", MIDNIGHT)
        assert store.number("sum(results) FROM uptime_pieces FINAL WHERE kind = 1") == 180
        assert store.number("sum(results) FROM uptime_pieces FINAL WHERE kind = 2") == 180

    async def test_results_in_maintenance_are_listed_and_not_counted(
        self, store: Store, history: MonitorHistory
    ) -> None:
        results = [one._replace(maintenance=n % 60 >= 30, ok=n % 60 < 30) for n, one in enumerate(minutes(26 * 60))]
        store.insert(results)
        halves = Counts(26 * 30, 26 * 30, sum(one.took for one in results if one.ok) / (26 * 30))
        assert await history.counts("a", MIDNIGHT) == pytest.approx(halves)
        store.settle()
        assert await history.counts("a", MIDNIGHT) == pytest.approx(halves)
        assert await history.counts("a", MIDNIGHT + 45 * MINUTE) == counted(results, "a", MIDNIGHT + 45 * MINUTE)
        assert await history.counts("a", results[-1].slot) == Counts(0, 0, None)
        store.expire(MIDNIGHT + 30 * MINUTE)
        store.insert(results[40:50])
        store.settle()
        assert await history.counts("a", MIDNIGHT) == pytest.approx(halves)
        listed = [(row.slot, row.maintenance) for row in await history.results("a", 0, 3)]
        assert listed == [(one.slot, True) for one in results[:-4:-1]]

    async def test_the_edge_of_a_window_is_exact(self, store: Store, history: MonitorHistory) -> None:
        results = minutes(3 * 24 * 60)
        store.insert(results)
        store.settle()
        for start in (0, HOUR, DAY, DAY + HOUR, DAY + 90 * MINUTE, 2 * DAY - MINUTE):
            for step in (-1, 0, 1):
                moment = MIDNIGHT + start + step
                assert await history.counts("a", moment) == counted(results, "a", moment)


class TestRollUps:
    async def test_hours_and_days_are_made_again_when_more_of_them_comes(
        self, store: Store, history: MonitorHistory
    ) -> None:
        results = minutes(48 * 60)
        store.insert(results[::2])
        store.settle()
        assert store.number("count() FROM uptime_pieces FINAL WHERE kind = 1") == 48
        assert store.number("sum(results) FROM uptime_pieces FINAL WHERE kind = 2") == 24 * 60
        late = results[61:66:2]
        store.insert(late)
        assert (await history.counts("a", MIDNIGHT)).total == 24 * 60 + 3
        store.roll_up()
        assert store.number("max(results) FROM uptime_pieces FINAL WHERE kind = 1") == 33
        assert store.number("max(results) FROM uptime_pieces FINAL WHERE kind = 2") == 12 * 60 + 3
        store.settle()
        assert await history.counts("a", MIDNIGHT) == counted(results[::2] + late, "a", MIDNIGHT)

    async def test_what_has_expired_stays_counted(self, store: Store, history: MonitorHistory) -> None:
        results = minutes(48 * 60)
        store.insert(results)
        store.settle()
        before = await history.counts("a", MIDNIGHT)
        spread = (await history.observed("a", MIDNIGHT)).percentiles
        store.expire(MIDNIGHT + 30 * HOUR)
        store.roll_up()
        assert await history.counts("a", MIDNIGHT) == before == counted(results, "a", MIDNIGHT)
        assert (await history.observed("a", MIDNIGHT)).percentiles == spread
        store.insert([results[70]])  # comes once more, long after
        store.settle()
        assert await history.counts("a", MIDNIGHT) == before
        assert store.number("sum(results) FROM uptime_pieces FINAL WHERE kind = 2") == 48 * 60

    async def test_rows_from_before_the_first_roll_up_are_not_forgotten(
        self, store: Store, history: MonitorHistory
    ) -> None:
        store.insert(minutes(120))
        assert (await history.counts("a", MIDNIGHT)).total == 120
        store.roll_up()
        assert store.number("sum(results) FROM uptime_pieces FINAL WHERE kind = 1") == 120

    async def test_many_monitors_are_rolled_up_in_chunks(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("processors.history.roll_ups.CHUNK", 100)
        store.insert([one for name in range(20) for one in minutes(30, monitor=f"m{name:02}")])
        store.roll_up()
        assert store.number("countIf(results = 30) FROM uptime_pieces FINAL WHERE kind = 2") == 20

    async def test_counts_rolled_up_by_the_version_before_are_taken_over(
        self, address: Address, store: Store, history: MonitorHistory
    ) -> None:
        """Those of hours whose results have expired, too; the others are rolled up anew."""
        results = minutes(26 * 60)
        store.insert(results)
        store.settle()
        for statement in (
            "INSERT INTO probe_roll_ups (monitor, length, begin, region, total, up, took)"
            " SELECT monitor, if(kind = 1, 3600, 86400), at, 'local', results, figures.up, figures.took"
            " FROM uptime_pieces FINAL WHERE kind IN (1, 2)",
            "DROP VIEW pieces_of_results", "DROP VIEW pieces_of_spans", "TRUNCATE TABLE uptime_pieces",
            "DELETE FROM migrations WHERE name LIKE '0005%'",
        ):  # fmt: skip
            store.client.command(statement)
        store.expire(MIDNIGHT + 2 * HOUR)
        migrate(f"http://{address.user}:{address.password}@{address.host}:{address.port}/{address.database}")
        for _ in range(2):
            assert await history.counts("a", MIDNIGHT) == counted(results, "a", MIDNIGHT)
            assert await history.counts("a", MIDNIGHT + 2 * HOUR) == counted(results, "a", MIDNIGHT + 2 * HOUR)
            store.settle()
        assert store.number("sum(length(figures.packed)) FROM uptime_pieces FINAL") == 24 * 60
        assert store.number("count() FROM probe_roll_ups") == 0


class TestPercentiles:
    async def test_are_close_to_the_exact_ones(self, store: Store, history: MonitorHistory) -> None:
        random = Random(5)
        results = [
            one._replace(took=int(random.lognormvariate(11.5, 0.6)), ok=random.random() > 0.02)
            for one in minutes(4 * 24 * 60)
        ]
        store.insert(results[:-90])
        store.settle()
        store.insert(results[-90:])
        for start in (MIDNIGHT, MIDNIGHT + DAY + 90 * MINUTE, MIDNIGHT + 4 * DAY - 50 * MINUTE):
            exact = sorted(one.took for one in results if one.ok and one.slot >= start)
            spread = (await history.observed("a", start)).percentiles
            assert spread is not None
            for estimate, share in zip(spread, (0.5, 0.95, 0.99), strict=True):
                assert estimate == pytest.approx(exact[ceil(share * len(exact)) - 1], rel=0.02)
        assert (await history.observed("b", MIDNIGHT)).percentiles is None

    async def test_only_of_those_that_were_well(self, store: Store, history: MonitorHistory) -> None:
        store.insert([Result("a", MIDNIGHT + n, took=n % 2 * 9_000 + 500, ok=n % 2 == 0) for n in range(10)])
        assert (await history.observed("a", MIDNIGHT)).percentiles == pytest.approx((500, 500, 500), rel=0.02)
        store.insert([Result("b", MIDNIGHT, ok=False)])
        assert (await history.observed("b", MIDNIGHT)).percentiles is None


class TestSpans:
    async def test_each_is_one_however_often_it_was_told(self, store: Store, history: MonitorHistory) -> None:
        begin = MIDNIGHT + HOUR
        store.tell(*_outage("a", 1, begin), *_outage("b", 1, begin))
        spans = (await history.observed("a", MIDNIGHT)).spans
        assert [(span.end, span.state) for span in spans] == [(begin, "up"), (begin + MINUTE, "down")]
        assert [span.state for span in (await history.observed("a", begin)).spans] == ["down"]
        assert (await history.observed("a", begin + MINUTE)).spans == []
        store.settle()
        view = await history.view("a", begin + MINUTE, begin + DAY, False, MIDNIGHT)
        assert (view.closed, view.observed.spans, view.measured.downs) == (spans, [], spans[1:]), "hours count whole"
        view = await history.view("a", MIDNIGHT, begin + DAY, False, begin)
        assert (view.closed, view.observed.spans, view.measured.downs) == (spans[1:], spans, spans[1:])


class TestIncidents:
    async def test_open_and_resolved_are_listed_page_by_page(self, store: Store, history: MonitorHistory) -> None:
        for n in range(7):
            thing = "ab"[n % 2]
            store.tell(*_outage(thing, n, MIDNIGHT + n * HOUR, resolved=n != 5))
        store.tell(*_outage("a", 20, MIDNIGHT + 20 * HOUR, project="other"))
        which = Which("p", ["a", "b"])
        listed = [row for skip in (0, 3, 6, 9) for row in await history.incidents(which, skip, 3)]
        assert [row.id for row in listed] == [f"i{n}" for n in reversed(range(7))]
        assert await history.incidents_total(which) == 7
        newest, open_one = listed[:2]
        assert newest == IncidentRow("i6", "a", MIDNIGHT + 6 * HOUR, MIDNIGHT + 6 * HOUR + MINUTE, "Cause 6")
        assert (open_one.id, open_one.resolved) == ("i5", None)
        assert [row.id for row in await history.incidents(Which("p", ["b"]), 0, 9)] == ["i5", "i3", "i1"]
        resolved = Which("p", ["a", "b"], resolved=True, without=["i6"])
        assert [row.id for row in await history.incidents(resolved, 0, 9)] == ["i4", "i3", "i2", "i1", "i0"]
        assert await history.incidents_total(resolved) == 5
        assert await history.incident("p", "i5") == open_one
        assert await history.incident("other", "i5") is None
        assert await history.incident_like("i6") == newest
        assert (await history.incident_like("i20") or newest).thing == "a"  # of whatever project
        assert await history.incident_like("i9") is None
        assert await history.incidents(Which("p", []), 0, 9) == []

    async def test_of_as_many_things_as_are_asked_for_at_once(self, store: Store, history: MonitorHistory) -> None:
        things = [str(uuid4()) for _ in range(MOST_IDS)]
        store.tell(*_outage(things[0], 1, MIDNIGHT), *_outage(things[-1], 2, MIDNIGHT + HOUR))
        without = ["i1", *(str(uuid4()) for _ in range(MOST_IDS - 1))]
        assert [row.id for row in await history.incidents(Which("p", things), 0, 9)] == ["i2", "i1"]
        assert [row.id for row in await history.incidents(Which("p", things, without=without), 0, 9)] == ["i2"]
        assert await history.incidents_total(Which("p", things, resolved=True, without=without)) == 1

    @pytest.mark.parametrize(("at_first", "at_last"), [(True, True), (True, False), (False, False)])
    async def test_it_is_partial_by_the_last_word(
        self, store: Store, history: MonitorHistory, at_first: bool, at_last: bool
    ) -> None:
        down, up = _outage("a", 1, MIDNIGHT)
        store.tell(replace(down, partial=at_first))
        [found] = await history.incidents(Which("p", ["a"]), 0, 9)
        assert (found.partial, found.resolved) == (at_first, None)
        store.tell(replace(up, partial=at_last))
        found = await history.incident("p", "i1") or found
        assert (found.partial, found.resolved) == (at_last, MIDNIGHT + MINUTE)

    async def test_the_address_family_that_failed_is_kept(self, store: Store, history: MonitorHistory) -> None:
        result = Result("a", MIDNIGHT).event()
        families = (FamilyResult(family="ipv4", ok=True, took=1), FamilyResult(family="ipv6", ok=False, took=2))
        event = replace(result, family_down="ipv6", families=families, method="GET", url="https://example.org/there")
        store.insert_events([("a", event)])
        [found] = await history.results("a", 0, 9)
        assert found.family_down == "ipv6"
        [(text, method, url, version)] = store.client.query(
            "SELECT families, method, url, http_version FROM probe_results"
        ).result_rows
        assert msgspec.json.decode(text, type=tuple[FamilyResult, ...]) == families
        assert (method, url, version) == ("GET", "https://example.org/there", "1.1")

    async def test_how_long_things_were_down(self, store: Store, history: MonitorHistory) -> None:
        """Each outage once, cut at the start; open ones, and those of other projects, not at all."""
        assert await history.down_times("p", MIDNIGHT) == {}
        for n in range(7):
            store.tell(*_outage("ab"[n % 2], n, MIDNIGHT + n * HOUR, resolved=n != 5))
        store.tell(*_outage("a", 20, MIDNIGHT + 20 * HOUR, project="other"))
        ends = [MIDNIGHT + n * HOUR + MINUTE for n in range(7)]
        known = {"a": DownTime(4 * MINUTE, ends[6]), "b": DownTime(2 * MINUTE, ends[3])}
        assert await history.down_times("p", MIDNIGHT) == known
        half = MIDNIGHT + 2 * HOUR + MINUTE // 2
        known = {"a": DownTime(2 * MINUTE + MINUTE // 2, ends[6]), "b": DownTime(MINUTE, ends[3])}
        assert await history.down_times("p", half) == known
        assert await history.down_times("p", MIDNIGHT + 7 * HOUR) == {}

    async def test_what_was_told_of_a_certificate(self, store: Store, history: MonitorHistory) -> None:
        """Newest first, each once; to the letter, and of this monitor only."""
        assert (await history.validity.total("a"), await history.validity.told("a", 0, 9)) == (0, [])
        data = {"certificate": {"subject": "bücher.example", "issuer": 'R11 ("Let\'s Encrypt")'}, "error": "code 20"}
        for n in range(1, 6):
            at = MIDNIGHT + n * HOUR
            event = ValidityTold(
                id=f"v{n}", n=n, thing="ab"[n == 3], project="p", at=at, detected_at=at + 1,
                notice="monitor.ssl_invalid", silent=n == 5, detail=f"No {n}", data=data | {"monitor": {"id": "a"}},
            )  # fmt: skip
            store.tell(event)
        assert await history.validity.total("a") == 4
        pages = [await history.validity.told("a", skip, 3) for skip in (0, 3, 6)]
        assert [[row.detail for row in page] for page in pages] == [["No 5", "No 4", "No 2"], ["No 1"], []]
        newest = ToldRow(MIDNIGHT + 5 * HOUR, MIDNIGHT + 5 * HOUR + 1, "monitor.ssl_invalid", True, "No 5", data)
        assert pages[0][0] == newest

    async def test_what_stood_in_spans_before_is_taken_over(self, clickhouse_url: str) -> None:
        url = f"{clickhouse_url.rstrip('/')}/monitors{uuid4().hex[:8]}"
        migrate(url)
        client, clickhouse = connect(Address.parse(url)), ClickHouse(Address.parse(url))
        try:
            # As it was before the migration.
            for statement in ("DROP VIEW incidents_of_spans", "TRUNCATE TABLE incidents", "TRUNCATE TABLE rolled_up",
                              "DELETE FROM migrations WHERE name LIKE '0004%'"):  # fmt: skip
                client.command(statement)
            client.command("INSERT INTO roll_ups SELECT toDateTime('2026-01-01 00:02:00', 'UTC')")
            Store(client, PROBE_HOURS).tell(*_outage("a", 1, MIDNIGHT))
            for _ in range(2):
                migrate(url)
            [found] = await MonitorHistory(clickhouse).incidents(Which("p", ["a"]), 0, 9)
            assert found == IncidentRow("i1", "a", MIDNIGHT, MIDNIGHT + MINUTE, "Cause 1")
            rolled = client.query("SELECT source, toString(done_to) FROM rolled_up").result_rows
            assert rolled == [("pings", "2026-01-01 00:00:00")]
        finally:
            await clickhouse.close()
            client.command(f"DROP DATABASE {Address.parse(url).database}")
            client.close()


class TestResults:
    async def test_one_that_stands_twice_is_listed_once(self, store: Store, history: MonitorHistory) -> None:
        results = minutes(50)
        store.insert(results)
        store.insert([one._replace(lateness=SECOND) for one in results[::2]])
        store.insert([results[49]._replace(confirm=1)])
        pages = [row for skip in (0, 20, 40) for row in await history.results("a", skip, 20)]
        assert [(row.slot, row.confirm) for row in pages] == [
            (results[49].slot, 1), *((one.slot, 0) for one in reversed(results)),
        ]  # fmt: skip
        assert await history.total("a") == 51
        during = await history.between("a", MIDNIGHT + 2 * MINUTE, MIDNIGHT + 4 * MINUTE, 100)
        assert [row.slot for row in during] == [MIDNIGHT + n * MINUTE for n in (2, 3)]
        assert await history.counted_since(["a", "b"], MIDNIGHT + MINUTE) == 49


def _random_result(random: Random) -> Result:
    return Result(
        monitor=random.choice("ab"),
        slot=MIDNIGHT + random.randrange(3 * 24 * 6) * 10 * MINUTE,
        ok=random.random() < 0.9,
        took=random.randrange(10_000_000),
        region=random.choice(("local", "far", "near")),
        confirm=random.choice((0, 0, 0, 1)),
        maintenance=random.random() < 0.2,
    )


def _outage(thing: str, n: int, start: Micros, resolved: bool = True, project: str = "p") -> list[StatusChanged]:
    """The changes of a thing that was up, down, and up again."""
    times = (start - HOUR, start, start + MINUTE)
    steps: list[tuple[VisibleStatus, VisibleStatus]] = [("up", "down"), ("down", "up")]
    return [
        StatusChanged(
            id=f"{thing}{n}{was}", n=2 * n + number, thing=thing, project=project, at=at, detected_at=at, since=since,
            was=was, now=now, reason="probe", incident=f"i{n}", detail=f"Cause {n}" if now == "down" else "",
        )
        for number, ((since, at), (was, now)) in enumerate(zip(pairwise(times), steps, strict=True))
    ][: 1 + resolved]  # fmt: skip
