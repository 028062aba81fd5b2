"""The uptime of a monitor over 90 days, asked of the API, with a hundred million results in ClickHouse.

The results are made inside ClickHouse, as if they had come in over the last 90 days: of each monitor one every few
minutes, some of them failed, and an outage a day in its spans. Those of some monitors are rolled up as the history
writer does it. The others are copies of these, rows and roll-ups, because to roll up a hundred million results at once
takes very long. All is merged; only then Pingfold starts on that ClickHouse, some of the monitors defined (and paused).
What is measured is the whole answer over HTTP, one after the other, each of another monitor; a few are compared with a
count of the rows.

Beside that, in turn with it: the uptime of one of these monitors, and of all of them at once, by `/uptime` of a span.
"""

import contextlib
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import httpx
import typer
from clickhouse_connect.driver.client import Client
from msgspec.structs import replace

from bench.checks import produce, wait_folded
from bench.processes import NotInTime, Usage, memory_mib, module, running, spawn, wait_until
from bench.report import Report, percentile, say, spread
from bench.stack import Stack, pingfold
from infra.clickhouse.address import Address
from infra.clickhouse.client import connect
from infra.clickhouse.migrations import migrate
from infra.embedded.logins import login_file, made_login
from infra.embedded.ports import HOST, free_port
from pingfold.addresses import clickhouse_url
from processors.history.roll_up_thread import KINDS
from processors.history.roll_ups import roll_up
from schemas.base import SECOND, encode
from schemas.ids import new_id
from schemas.monitors import ProbeTarget
from schemas.requests import MonitorCreate, MonitorFields
from schemas.topics import PROBE_RESULTS, PROJECTS

_DAYS = 90
_SPAN = _DAYS * 86_400 * SECOND
_BYTES_EACH, _LEAST_FREE = 215, 2 * 2**30  # of a result on disk, until it is merged
_AT_ONCE = 3_000_000  # rows of one INSERT, about
_FILL_SECONDS = 900.0
_STATEMENT_SECONDS = 300.0
_MERGE_SECONDS = 600.0
_QUIET_LOOKS = 10

_RESULTS = """
INSERT INTO probe_results (monitor, slot, confirm, region, at, ok, failure, detail, status, took,
                           lookup, connect, tls, first_byte, address, inserted_at)
SELECT {ids:Array(String)}[1 + intDiv(number, {each:UInt64})] AS monitor,
       fromUnixTimestamp64Micro({begin:Int64} + toInt64(number % {each:UInt64}) * {step:Int64}, 'UTC') AS slot,
       0, 'local', slot + toIntervalMillisecond(20), rand(1) % 1000 >= 2 AS ok, if(ok, '', 'timeout'), '',
       if(ok, 200, -1), toUInt32(80000 * exp(0.5 * randNormal(0, 1))), 300, 9000, 21000, 70000, '192.0.2.1',
       toDateTime(slot, 'UTC') + 1
FROM numbers({each:UInt64} * length({ids:Array(String)}))
"""

# An hour of each day down, from the middle of the day on.
_SPANS = """
INSERT INTO spans (thing, n, project, state, since, at, became, reason, detected_at, transition, incident, detail,
                   inserted_at)
SELECT {ids:Array(String)}[1 + intDiv(number, 180)] AS thing, number % 180 AS n, 'bench',
       if(n % 2 = 0, 'up', 'down'),
       fromUnixTimestamp64Micro({begin:Int64} + intDiv(n, 2) * 86400000000 + (n % 2) * 43200000000, 'UTC') AS since,
       since + toIntervalHour(if(n % 2 = 0, 12, 1)) AS at, if(n % 2 = 0, 'down', 'up'), 'probe', at, toString(n),
       '', '', toDateTime(at, 'UTC') + 1
FROM numbers(180 * length({ids:Array(String)}))
"""

# Of so many monitors results are made and rolled up.
_MADE = 40
# What copies of a monitor have; materialized views make the rest of it. Its column of ids, and which of its rows.
_COPIED = {
    "probe_results": ("monitor", "1"),
    "spans": ("thing", "1"),
    "uptime_pieces": ("monitor", "kind IN (1, 2, 4, 5)"),
    "uptime_days": ("thing", "1"),
    "uptime_months": ("thing", "1"),
}
_COPY = """
INSERT INTO {table} SELECT * REPLACE (copy AS {id})
FROM (SELECT * FROM {table} FINAL WHERE {id} IN {{made:Array(String)}} AND {which})
ARRAY JOIN {{copies:Array(Array(String))}}[indexOf({{made:Array(String)}}, {id})] AS copy
"""

_COUNTED = """
SELECT count() FROM (
    SELECT DISTINCT slot FROM probe_results
    WHERE monitor = {id:String} AND slot >= now64(6, 'UTC') - toIntervalDay(90)
)
"""


def uptime(
    rows: Annotated[int, typer.Option(help="Results in the table.")] = 100_000_000,
    monitors: Annotated[int, typer.Option(help="Monitors that they are of.")] = 4_000,
    asked: Annotated[int, typer.Option(help="Monitors that are asked about.")] = 1_000,
    questions: Annotated[int, typer.Option(help="How many questions.")] = 1_000,
) -> None:
    """Milliseconds for the uptime of 90 days, from a hundred million results."""
    parameters = {"rows": rows, "monitors": monitors, "asked": asked, "questions": questions}
    report = Report("uptime", parameters)
    with filled(report, rows, monitors, asked) as (stack, client, pid, chosen):
        usage = Usage({"clickhouse": pid, "web": stack.pids()["web-0"]})
        took = _ask(stack, chosen, questions, uptime_page)
        report.measured["cpu_micros_per_answer"] = usage.micros_per(questions)
        wrong = sum(_is_wrong(stack, client, id) for id in chosen[:5])
        in_turn = _in_turn(stack, chosen, questions // 10)
        wrong += _differs_from_all(stack, chosen[:5])
    ordered = sorted(took)
    report.measured |= {"answer_ms": spread(took)}
    report.measured |= {f"{name}_ms": spread(its) for name, its in in_turn.items()}
    medians = {name: percentile(sorted(its), 0.5) for name, its in in_turn.items()}
    report.ask(f"median ms, all {asked} at once", round(medians["all"], 1), "<=", 25)
    report.ask("one by the span, of one by the period", round(medians["span"] / medians["period"], 2), "<=", 0.7)
    report.ask("median ms", round(percentile(ordered, 0.5), 1), "<=", 15)
    report.ask("p95 ms", round(percentile(ordered, 0.95), 1), "<=", 15)
    report.ask("answers that differ from a count of the rows", wrong, "<=", 0)
    report.publish()


class Filled(NamedTuple):
    """A Pingfold on a ClickHouse full of results. pid: of that ClickHouse. chosen: ids of the monitors that are
    defined."""

    stack: Stack
    client: Client
    pid: int
    chosen: list[str]


@contextlib.contextmanager
def filled(report: Report, rows: int, monitors: int, asked: int) -> Iterator[Filled]:
    """So many results of so many monitors, `asked` of which are defined; the report tells what it took."""
    if not 1 <= asked <= monitors <= rows:
        raise typer.BadParameter(
            f"--rows {rows} of --monitors {monitors}, --asked {asked}: none may be less than the next"
        )
    needed = max(_LEAST_FREE, rows * _BYTES_EACH)
    ids = [new_id() for _ in range(monitors)]
    chosen = random.sample(ids, asked)
    with tempfile.TemporaryDirectory(prefix="pingfold-bench-", ignore_cleanup_errors=True) as folder:
        if shutil.disk_usage(folder).free < needed:
            raise RuntimeError(f"{needed / 2**30:.0f} GiB of free disk are needed in {folder}")
        with _own_clickhouse(Path(folder)) as (url, pid):
            migrate(url)
            client = connect(Address.parse(url), timeout=_STATEMENT_SECONDS)
            report.measured |= _fill(client, ids, rows // monitors)
            report.measured["clickhouse_mib"] = memory_mib(pid)
            with pingfold(None, CLICKHOUSE_URL=url) as stack:
                _define(stack, chosen)
                client.command(_RESULTS, parameters={"ids": chosen, "each": 1, "begin": _now(), "step": 1})
                yield Filled(stack, client, pid, chosen)


def _now() -> int:
    return time.time_ns() // 1_000


@contextlib.contextmanager
def _own_clickhouse(folder: Path) -> Iterator[tuple[str, int]]:
    """The embedded ClickHouse on data of its own: URL and process id."""
    port, login = free_port(), made_login(folder, "clickhouse")
    command = module(
        *("infra.embedded.clickhouse", "--data", str(folder / "clickhouse"), "--port", str(port)),
        *("--login", str(login_file(folder, "clickhouse"))),
    )
    with running(spawn(*command)) as process:
        url = f"http://{HOST}:{port}"

        def answers() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"{url}/ping", timeout=2.0).status_code == 200
            return False

        wait_until(answers, 30.0, "ClickHouse answers")
        yield f"{clickhouse_url(f'{HOST}:{port}', login)}/bench", process.pid


def _fill(client: Client, ids: Sequence[str], each: int) -> dict[str, float]:
    """Put the results of all monitors in, and roll them up."""
    began, begin = time.monotonic(), _now() - _SPAN
    made = ids[:_MADE]
    client.command(_RESULTS, parameters={"ids": made, "each": each, "begin": begin, "step": _SPAN // each})
    client.command(_SPANS, parameters={"ids": made, "begin": begin})
    say(f"{each * len(made)} results in after {time.monotonic() - began:.0f} s")
    for kind in KINDS:
        roll_up(client, kind)
    filled = time.monotonic()
    say(f"rolled up after {filled - began:.0f} s")
    _copy(client, ids, each)
    rolled_up = time.monotonic()
    say(f"copied to {each * len(ids)} in {rolled_up - filled:.0f} s")
    wait_until(lambda: _is_merged(client), _MERGE_SECONDS, "ClickHouse has merged what was put in at once")
    merged = time.monotonic()
    say(f"merged in {merged - rolled_up:.0f} s")
    sizes = "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'bench' GROUP BY table"
    disk = {f"{table}_mib": round(size / 2**20, 1) for table, size in client.query(sizes).result_rows}
    kept = {name: disk.get(name, 0.0) for name in ("probe_results_mib", "uptime_pieces_mib")}
    seconds = {"fill_s": filled - began, "copy_s": rolled_up - filled, "merge_s": merged - rolled_up}
    return {name: round(took, 1) for name, took in seconds.items()} | kept


def _copy(client: Client, ids: Sequence[str], each: int) -> None:
    """Give the other monitors what the first ones have. Raises `NotInTime`."""
    began = time.monotonic()
    at_once = max(1, _AT_ONCE * _MADE // (each * len(ids)))
    for first in range(0, _MADE if len(ids) > _MADE else 0, at_once):
        made = ids[first : min(first + at_once, _MADE)]
        asked = {"made": made, "copies": [ids[_MADE + first + number :: _MADE] for number in range(len(made))]}
        for table, (id, which) in _COPIED.items():
            client.command(_COPY.format(table=table, id=id, which=which), parameters=asked)
        if time.monotonic() - began > _FILL_SECONDS:
            raise NotInTime(f"the results are not in within {_FILL_SECONDS:.0f} s")


def _is_merged(client: Client) -> bool:
    """Whether nothing has been merged for a while: weeks of results do not come in at once elsewhere."""
    for _ in range(_QUIET_LOOKS):
        if client.query("SELECT count() FROM system.merges").result_rows[0][0]:
            return False
        time.sleep(0.5)
    return True


def _define(stack: Stack, ids: Sequence[str]) -> None:
    """Define monitors under ids of ours, which are their names, too, and wait until the API knows them."""
    known = stack.credentials
    fields = MonitorFields(target=ProbeTarget(url="https://example.com/"), paused=True)
    requests = (MonitorCreate(request=new_id(), at=_now(), id=id, fields=replace(fields, name=id)) for id in ids)
    produce(known.cluster, PROJECTS, ((known.project, encode(request), -1) for request in requests))
    wait_folded(stack, "projects", PROJECTS)
    wait_folded(stack, "monitors", PROBE_RESULTS)
    stack.http.headers["Authorization"] = f"Bearer {known.poppaping_key}"
    for id in ids:
        wait_until(lambda id=id: stack.http.get(uptime_page(id)).status_code == 200, 30.0, "the API knows the monitors")  # type: ignore[misc]


def uptime_page(id: str) -> str:
    return f"/api/v1/monitors/{id}/uptime?period=90d"


def _span_page(id: str) -> str:
    return f"/api/v1/uptime?period=90d&thing={id}"


def _all_page(_: str) -> str:
    return "/api/v1/uptime?period=90d"


def _in_turn(stack: Stack, ids: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of the answers about one monitor by either page, and about all, asked in turn."""
    took: dict[str, list[float]] = {"period": [], "span": [], "all": []}
    pages = {"period": uptime_page, "span": _span_page, "all": _all_page}
    for number in range(rounds):
        for name in random.sample(list(pages), len(pages)):
            took[name] += _ask(stack, [ids[number % len(ids)]], 1, pages[name])
    say(f"in turn: { {name: spread(its) for name, its in took.items()} }")
    return took


def _differs_from_all(stack: Stack, ids: Sequence[str]) -> int:
    """How many of these monitors have other counts alone than among all."""
    things = {one["monitor_id"]: one for one in stack.http.get(_all_page("")).json()["data"]["things"]}
    ones = [stack.http.get(_span_page(id)).json()["data"]["things"][0] for id in ids]
    return sum(things[one["monitor_id"]]["total_checks"] != one["total_checks"] for one in ones)


def _ask(stack: Stack, ids: Sequence[str], questions: int, page: Callable[[str], str]) -> list[float]:
    took = []
    for number in range(questions):
        began = time.perf_counter()
        stack.http.get(page(ids[number % len(ids)])).raise_for_status()
        took.append((time.perf_counter() - began) * 1e3)
        if number % 200 == 199:
            say(f"{number + 1} questions: {spread(took)}")
    return took


def _is_wrong(stack: Stack, client: Client, id: str) -> bool:
    """Whether an answer differs from a count of the rows just before it and just after it."""
    counts = [client.query(_COUNTED, parameters={"id": id}).result_rows[0][0]]
    told = stack.http.get(uptime_page(id)).json()["data"]["total_checks"]
    counts.append(client.query(_COUNTED, parameters={"id": id}).result_rows[0][0])
    return not min(counts) <= told <= max(counts)
