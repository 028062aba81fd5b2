"""The views for analysts: each fact once, and the questions of docs/analytics.md answered as a count by hand does."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random, getrandbits
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.clickhouse.address import Address
from infra.clickhouse.analytics import ViewsNotMade, apply, make_views, view_names
from infra.clickhouse.client import connect
from infra.clickhouse.migrations import all_migrations, migrate, statements
from infra.settings.settings import Settings
from processors.fold.status_transition import DOWN, LATE, NOT_OBSERVED, RECOVERED
from processors.history.rows import SPANS
from query_api.history.uptime import Span, time_in_states
from schemas.base import SECOND
from schemas.deliveries import event_id
from schemas.notices import Notice
from schemas.transitions import VisibleStatus
from tests.analytics_past import API, BACKUP, DAY, HOUR, MINUTE, REPORT, SHOP, AnalyticsPast
from tests.history_store import connected

pytestmark = pytest.mark.stack

PAGE = Path(__file__).parents[2] / "docs" / "analytics.md"


@pytest.fixture(scope="module")
def views() -> str:
    """The database of the views."""
    return f"analytics_{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def url(clickhouse_url: str) -> str:
    return f"{clickhouse_url.rstrip('/')}/past{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def client(url: str, views: str) -> Iterator[Client]:
    migrate(url)
    assert apply(url, Settings(analytics_database=views))
    client = connect(Address.parse(url))
    yield client
    client.command(f"DROP DATABASE {views}")
    client.command(f"DROP DATABASE {Address.parse(url).database}")
    client.close()


@pytest.fixture(scope="module")
def past(client: Client) -> AnalyticsPast:
    past = AnalyticsPast()
    past.write(client)
    return past


def questions() -> dict[str, str]:
    """The questions of the page, by their headings."""
    text = PAGE.read_text().partition("\n## Questions\n")[2]
    return dict(re.findall(r"^### (.+?)\n\n```sql\n(.*?)```$", text, re.MULTILINE | re.DOTALL))


def percent(up: float, down: float) -> float:
    return int(100_000 * up / (up + down)) / 1_000


def days_of(past: AnalyticsPast, thing: str) -> Counter[tuple[date, str]]:
    """Seconds of a thing in each status by day, counted minute by minute: every change is at a full minute."""
    spent: Counter[tuple[date, str]] = Counter()
    now = int(past.now.timestamp()) * SECOND
    changes = [change for change in past.changes if change.thing == thing]
    for change, following in zip(changes, [*changes[1:], None], strict=True):
        end = now if following is None else following.at
        for at in range(change.at, end, MINUTE):
            spent[datetime.fromtimestamp(at / SECOND, UTC).date(), change.now] += min(MINUTE, end - at) // SECOND
    return spent


def weekly(past: AnalyticsPast) -> list[tuple[Any, ...]]:
    today = past.now.date()
    first = today - timedelta(days=today.weekday() + 28)
    rows = []
    for name, thing in (("api", API), ("backup", BACKUP), ("report", REPORT), ("shop", SHOP)):
        weeks: dict[date, Counter[str]] = {}
        for (day, status), seconds in days_of(past, thing).items():
            if day >= first and status != "removed":
                weeks.setdefault(day - timedelta(days=day.weekday()), Counter())[status] += seconds
        for week, spent in sorted(weeks.items()):
            rows.append((name, week, percent(spent["up"] + spent["late"], spent["down"])))
    return rows


def incidents_of(past: AnalyticsPast) -> list[tuple[str, datetime, float, str]]:
    """Name, beginning, minutes and cause of each incident."""
    found = []
    for name, thing in (("api", API), ("report", REPORT), ("shop", SHOP)):
        changes = [change for change in past.changes if change.thing == thing]
        for change, following in zip(changes, [*changes[1:], None], strict=True):
            if change.now == "down":
                end = past.now.timestamp() * SECOND if following is None else following.at
                began = datetime.fromtimestamp(change.at / SECOND, UTC)
                found.append((name, began, (end - change.at) / MINUTE, change.detail))
    return found


def at_night(past: AnalyticsPast) -> list[tuple[Any, ...]]:
    riga = ZoneInfo("Europe/Riga")
    nightly = [row for row in incidents_of(past) if not 6 <= row[1].astimezone(riga).hour <= 21]
    return sorted(nightly, key=lambda row: -row[2])


def budget(past: AnalyticsPast) -> list[tuple[Any, ...]]:
    """Of 30 days, today among them: `report` was removed 15 days ago, and was down for one of these."""
    first = past.now.date() - timedelta(days=29)
    seconds: dict[str, Counter[str]] = {}
    for thing in (BACKUP, REPORT):
        spent = seconds.setdefault(thing, Counter())
        for (day, status), lasted in days_of(past, thing).items():
            if day >= first:
                spent["down" if status == "down" else "up" if status in ("up", "late") else "other"] += lasted
    rows = []
    for tag, things in (("nightly", [BACKUP]), ("prod", [BACKUP, REPORT])):
        up, down = (sum(seconds[thing][status] for thing in things) / 60 for status in ("up", "down"))
        rows.append((tag, len(things), down, (up + down) / 1000 - down))
    return rows


def expected(past: AnalyticsPast) -> dict[str, list[tuple[Any, ...]]]:
    """What each question is answered."""
    day = past.now.date()
    hours = Counter(began.hour for _, began, _, _ in incidents_of(past))
    return {
        "What was the uptime of each service, week by week?": weekly(past),
        "How long does it take until a service is back (MTTR), and how often does it fail?": [
            ("report", 1, 1440.0, 1440.0), ("api", 3, 45.0, 90.0),
        ],
        "What flaps most?": [("api", 3), ("report", 1), ("shop", 1)],
        "What is down now, and since when?": [("shop", datetime.fromtimestamp(past.at(1, 20) / SECOND, UTC))],
        "Which monitors answer slowest, day by day?": [(day - timedelta(days=2), "api", 1010)],
        "Which incidents began at night, and which lasted longest?": at_night(past),
        "Which jobs take longer than they did?": [("backup", 60.0, 90.0, 50.0)],
        "How many alerts did each channel get, and how many of them failed?": [
            ("chat", "slack", 2, 1, 8), ("mail", "email", 1, 0, 1),
        ],
        "How long does it take until somebody is told?": [("chat", 30.0, 30.0), ("mail", 4.0, 4.0)],
        "How long does it take until somebody has an incident in hand?": [
            ("api", 3, 1, 12.0), ("report", 1, 0, None), ("shop", 1, 0, None),
        ],
        "Where is a service not reached from?": [("api", "us", 99, 89.898), ("api", "eu", 99, 100.0)],
        "What did Pingfold not see?": [("backup", 30.0)],
        "How much of the error budget is left (99.9 % in 30 days)?": budget(past),
        "At which hours of the day do things break?": sorted(hours.items(), key=lambda row: (-row[1], row[0])),
    }  # fmt: skip


def alike(told: Any, meant: Any) -> bool:
    """Whether two values are the same; what goes on grows by some seconds while the test runs."""
    if isinstance(told, float) and meant is not None:
        return bool(told == pytest.approx(meant, abs=2, rel=0.001))
    if isinstance(told, datetime):
        return bool((told if told.tzinfo else told.replace(tzinfo=UTC)) == meant)
    return bool(told == meant)


def test_every_question_of_the_page_is_answered(client: Client, views: str, past: AnalyticsPast) -> None:
    asked, meant = questions(), expected(past)
    assert asked.keys() == meant.keys()
    assert len(asked) >= 12
    for title, sql in asked.items():
        rows = client.query(sql.replace("analytics.", f"{views}.")).result_rows
        assert len(rows) == len(meant[title]), f"{title} {rows}"
        for row, wanted in zip(rows, meant[title], strict=True):
            assert all(map(alike, row, wanted)), f"{title} {row} {wanted}"


COUNTS = {
    "things": 7, "status_changes": 19, "incidents": 5, "acknowledgements": 1, "runs": 35, "pings": 8, "deliveries": 5,
    "probe_results": 200, "response_times": 2, "response_times_daily": 1, "response_times_by_region": 4, "gaps": 2,
    "changes": 2, "validity_notices": 1,
}  # fmt: skip


def test_each_fact_counts_once(client: Client, views: str, past: AnalyticsPast) -> None:
    counts = {name: client.query(f"SELECT count() FROM {views}.{name}").result_rows[0][0] for name in COUNTS}
    assert counts == COUNTS
    assert set(COUNTS) | {"status_spans", "uptime_daily"} == set(view_names())


def test_what_a_channel_is_told_names_the_change(client: Client, views: str, past: AnalyticsPast) -> None:
    sql = f"SELECT change, became, events FROM {views}.status_changes WHERE thing = '{BACKUP}' OR became = 'down'"
    told: dict[str, tuple[Notice, ...]] = {"down": DOWN, "late": LATE, "not_observed": NOT_OBSERVED}
    rows = client.query(sql).result_rows
    assert {became for _, became, _ in rows} > told.keys()
    for change, became, events in rows:
        assert events == [event_id(change, notice) for notice in told.get(became, RECOVERED)]


def test_spans_end_with_the_present_one(client: Client, views: str, past: AnalyticsPast) -> None:
    sql = f"SELECT thing, status FROM {views}.status_spans WHERE open ORDER BY thing"
    assert client.query(sql).result_rows == sorted([(API, "up"), (SHOP, "down"), (BACKUP, "up")])


def test_pings_are_what_the_fold_made_of_them(client: Client, views: str, past: AnalyticsPast) -> None:
    sql = f"SELECT kind, counted, exit_status, seconds FROM {views}.pings ORDER BY received_at LIMIT 3"
    assert client.query(sql).result_rows == [("fail", 1, 0, None), ("success", 0, 0, None), ("success", 1, 0, None)]


def test_names_are_the_newest_and_stay_when_a_thing_goes(client: Client, views: str, past: AnalyticsPast) -> None:
    sql = f"SELECT name, tags, type, removed_at IS NULL FROM {views}.things WHERE kind = 'check' ORDER BY name"
    assert client.query(sql).result_rows == [
        ("backup", ["prod", "nightly"], "cron", 1), ("report", ["prod"], "simple", 0),
    ]  # fmt: skip


def test_every_column_has_a_comment_and_every_view_is_on_the_page(client: Client, views: str) -> None:
    sql = f"SELECT table, name FROM system.columns WHERE database = '{views}' AND comment = ''"
    assert client.query(sql).result_rows == []
    table = PAGE.read_text().partition("\n## ")[0]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)))
    assert sorted(listed) == sorted(view_names())


def test_what_an_administrator_runs_is_sql(client: Client) -> None:
    """The embedded engine has no users of SQL: it reads the statements, and refuses to run them."""
    text = PAGE.read_text().partition("\n## A ClickHouse of your own\n")[2].partition("\n## ")[0]
    found = [sql for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL) for sql in statements(block)]
    assert [sql.split()[0] for sql in found] == ["GRANT", "CREATE", "CREATE", "GRANT"]
    for sql in found:
        read = client.query("SELECT formatQuerySingleLine({sql:String})", parameters={"sql": sql}).result_rows[0][0]
        assert "analyst" in read or "analytics" in read
        with pytest.raises(DatabaseError, match=r"ACCESS_DENIED|ACCESS_STORAGE|Not enough privileges"):
            client.command(sql)


def test_uptime_by_day_is_that_of_every_second(client: Client, views: str) -> None:
    """Spans of a random past, some of which overlap, against the arithmetic that the API uses."""
    begin = int(datetime(2024, 2, 27, tzinfo=UTC).timestamp()) * SECOND
    rng, thing, at, since, spans = Random(getrandbits(64)), f"random-{uuid4()}", begin, begin, []
    states: tuple[VisibleStatus, ...] = ("up", "late", "down", "not_observed", "maintenance", "paused")
    rows = []
    for n in range(60):
        at += rng.choice((0, SECOND, HOUR, 5 * HOUR, DAY)) + rng.randrange(MINUTE)
        was = states[n % 6]
        now = states[(n + 1) % 6] if n < 59 else "removed"
        rows.append((thing, n, "p", was, since, at, now, "probe", at, "", "", "", 0))
        spans.append(Span(since, at, was))
        since = max(begin, at - rng.choice((0, 0, 0, HOUR)))
    client.insert(SPANS.name, rows, SPANS.columns, column_type_names=SPANS.types)
    columns = "up_seconds, late_seconds, down_seconds, not_observed_seconds, maintenance_seconds, paused_seconds"
    sql = f"SELECT toUnixTimestamp(day) AS at, {columns} FROM {views}.uptime_daily WHERE thing = '{thing}' ORDER BY at"
    told = client.query(sql).result_rows
    assert sum(sum(row[1:]) - row[2] for row in told) == pytest.approx((at - begin) / SECOND)
    for day, *seconds in told:
        spent = time_in_states(spans, day * SECOND, day * SECOND + DAY)
        up = spent["up"] + spent["late"]
        meant = [up, *(spent[state] for state in ("late", "down", "not_observed", "maintenance", "paused"))]
        assert seconds == pytest.approx([each / SECOND for each in meant])


def test_things_of_before_have_the_names_that_the_audit_trail_knows(client: Client, clickhouse_url: str) -> None:
    database = f"before{uuid4().hex[:8]}"
    migrate(f"{clickhouse_url.rstrip('/')}/{database}")
    with connected(Address.parse(f"{clickhouse_url.rstrip('/')}/{database}")) as old:
        told = [("created", "a", "old"), ("created", "b", "gone"), ("updated", "a", "new"), ("deleted", "b", "gone")]
        rows = [
            ("p", n * SECOND, 0, n, action, "check", thing, name) for n, (action, thing, name) in enumerate(told, 1)
        ]
        old.insert("audit", rows, ["project", "at", "part", "off", "action", "kind", "thing", "thing_name"])
        for _ in range(2):  # a migration may be run once more
            for statement in statements(dict(all_migrations())["0025_things"]):
                old.command(statement)
        make_views(old, database, database_of_views := f"seen_{database}")
        old.command(
            "INSERT INTO things (kind, id, off, type) VALUES ('channel', 'c', 1, 'email'), ('channel', 'd', 1, ''), "
            "('check', 'e', 1, 'cron')"
        )
        names = old.query(f"SELECT thing, name, removed_at IS NULL FROM {database_of_views}.things ORDER BY thing")
        old.command(f"DROP DATABASE {database_of_views}")
        unnamed = [("c", "email", 1), ("d", "d", 1), ("e", "e", 1)]
        assert names.result_rows == [("a", "new", 1), ("b", "gone", 0), *unnamed]


def test_what_is_not_ours_is_left_alone(client: Client, url: str, views: str) -> None:
    other = f"other_{views}"
    client.command(f"CREATE DATABASE {other}")
    client.command(f"CREATE VIEW {other}.incidents AS SELECT 1 AS theirs")
    try:
        assert apply(url, Settings(analytics_database=other)) is False
        assert client.query(f"SELECT * FROM {other}.incidents").result_rows == [(1,)]
        assert client.query(f"SHOW TABLES FROM {other}").result_rows == [("incidents",)]
    finally:
        client.command(f"DROP DATABASE {other}")


def test_another_pingfold_does_not_take_the_views(client: Client, views: str) -> None:
    with pytest.raises(ViewsNotMade, match="PINGFOLD_ANALYTICS_DATABASE"):
        make_views(client, "another", views)


def test_views_are_not_made_where_none_are_wanted(url: str) -> None:
    assert apply(url, Settings(analytics_database=None)) is False
    assert apply(url, Settings(analytics_database=Address.parse(url).database)) is False


DASHBOARD = json.loads((PAGE.parent / "grafana" / "pingfold.json").read_text())


def expanded(sql: str, begin: datetime, end: datetime, variables: dict[str, list[str]]) -> str:
    """A query as Grafana and the plugin send it: variables, and macros as the plugin documents them."""
    for name, values in variables.items():
        quoted = ",".join("'{}'".format(value.replace("'", "\\'")) for value in values)
        sql = sql.replace(f"${{{name}:singlequote}}", quoted)
    first, last = (f"toDateTime({int(at.timestamp())})" for at in (begin, end))
    dates = [f"toDate('{at.date()}')" for at in (begin, end)]
    for pattern, text in (
        (r"\$__timeFilter\(([^()]+)\)", rf"\1 >= {first} AND \1 <= {last}"),
        (r"\$__dateFilter\(([^()]+)\)", rf"\1 >= {dates[0]} AND \1 <= {dates[1]}"),
        (r"\$__timeInterval\(([^()]+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 3600 second)"),
        (r"\$__fromTime\b", first),
        (r"\$__toTime\b", last),
    ):
        sql = re.sub(pattern, text, sql)
    assert "$" not in sql, sql
    return sql


def test_every_query_of_the_dashboard_is_answered(url: str, client: Client, views: str, past: AnalyticsPast) -> None:
    begin, end = past.now - timedelta(days=30), past.now
    variables: dict[str, list[str]] = {}
    grafana = connect(Address.parse(url), database=views)
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            rows = grafana.query(expanded(variable["query"], begin, end, variables))
            assert rows.column_names == ("__text", "__value")
            variables[variable["name"]] = [row[1] for row in rows.result_rows]
    assert {name: len(values) for name, values in variables.items()} == {"project": 1, "service": 3}
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            answer = grafana.query(expanded(target["rawSql"], begin, end, variables))
            assert answer.result_rows, panel["title"]
            if target["format"] == 0:  # a series: times in order first, and numbers or a state last
                assert answer.column_names[0] == "time", panel["title"]
                times = [row[0] for row in answer.result_rows]
                assert times == sorted(times), panel["title"]
    grafana.close()


def test_the_dashboard_is_well_formed() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    assert DASHBOARD["schemaVersion"] >= 39
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
            assert (target["format"], target["queryType"]) in ((0, "timeseries"), (1, "table"))
