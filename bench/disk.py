"""What things cost on the disk: a ping without and with a body, a result of a probe, an idle day.

Pings come one at a time, as they do from cron jobs, so each is a batch of its own in Kafka; results come from a real
prober. Kafka's bytes are those of the segments of each topic, ClickHouse's those of the active parts of each table
after a merge of all of them. What an idle Pingfold writes in the same time is subtracted. State topics are compacted:
what they grow by is written, not kept.
"""

import asyncio
import random
import time
from collections import Counter
from typing import Annotated, Any

import aiohttp
import httpx
import typer

from bench.checks import make_checks, wait_folded
from bench.fail_to_incident import make_monitors
from bench.probe_target import HOSTS
from bench.processes import module, running, spawn
from bench.report import Report, say
from bench.stack import Stack, pingfold
from infra.embedded.ports import free_port
from schemas.topics import PINGS, TOPICS, Cleanup

_DAY = 86_400
_SETTLE_SECONDS = 30.0
_IN_FLIGHT = 4
_INTERVAL = 10
_KEPT = {topic.name for topic in TOPICS if topic.cleanup is Cleanup.DELETE}
_TABLES = "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'pingfold' GROUP BY table"
_WORDS = "backup of 4711 files to /srv/archive done in seconds error warning ok copied skipped total bytes"


def disk(
    idle: Annotated[float, typer.Option(help="Seconds of idling.")] = 60.0,
    pings: Annotated[int, typer.Option(help="Pings of each size.")] = 3_000,
    monitors: Annotated[int, typer.Option(help="Monitors, each probed every 10 s.")] = 100,
    probing: Annotated[float, typer.Option(help="Seconds of probing.")] = 60.0,
) -> None:
    """Bytes on the disk of a ping, of a probe, and of an idle day."""
    report = Report("disk", {"idle": idle, "pings": pings, "monitors": monitors, "probing": probing})
    port = free_port()
    with (
        running(spawn(*module("bench.probe_target", str(port)))),
        pingfold(None, PINGFOLD_PINGS_PER_MINUTE="0") as stack,
    ):
        checks = make_checks(stack, 100)
        say(f"settling for {_SETTLE_SECONDS:.0f} s")
        time.sleep(_SETTLE_SECONDS)
        nothing, seconds = _growth(stack, lambda: time.sleep(idle))
        rates = Counter({name: grown / seconds for name, grown in nothing.items()})
        report.measured |= {
            "idle_day_kept": _sum(nothing, True) * _DAY // round(seconds),
            "idle_day_compacted": _sum(nothing, False) * _DAY // round(seconds),
            "idle_day_by_topic": {name: round(rate * _DAY) for name, rate in rates.most_common() if rate > 0},
        }
        for size in (0, 1_000):
            before = _tables(stack)
            grown, seconds = _growth(stack, lambda size=size: _ping(stack, checks, pings, size))
            report.measured[f"ping_{size}"] = _each(grown, rates, seconds, pings, before, _tables(stack))
        for host in HOSTS[:4]:
            url = f"http://{host}:{port}/"
            make_monitors(stack, monitors // 4, url=url, interval_seconds=_INTERVAL, confirmations=1)
        time.sleep(_INTERVAL)
        before, count = _tables(stack), _results(stack)
        grown, seconds = _growth(stack, lambda: time.sleep(probing))
        count = _results(stack) - count
        report.measured["probe"] = _each(grown, rates, seconds, count, before, _tables(stack)) | {"results": count}
    report.ask("bytes of an idle day that are kept, MB", round(report.measured["idle_day_kept"] / 1e6, 1), "<=", 10)
    written = round(report.measured["idle_day_compacted"] / 1e6, 1)
    report.ask("bytes of an idle day that are compacted, MB", written, "<=", 100)
    report.publish()


def _growth(stack: Stack, what: Any) -> tuple[Counter[str], float]:
    """By how many bytes each topic grows while `what` runs, and for how many seconds it does."""
    before, began = _topics(stack), time.monotonic()
    what()
    after, ended = _topics(stack), time.monotonic()
    after.subtract(before)
    return after, ended - began


def _topics(stack: Stack) -> Counter[str]:
    found: Counter[str] = Counter()
    for segment in (stack.data / "kafka" / "log").glob("*/*.log"):
        try:
            found[segment.parent.name.rpartition("-")[0]] += segment.stat().st_size
        except FileNotFoundError:  # compacted meanwhile
            continue
    return found


def _tables(stack: Stack) -> Counter[str]:
    """Bytes of each table, all of its parts merged; waits until everything is written."""
    time.sleep(2.0)
    url = stack.credentials.clickhouse
    with httpx.Client(timeout=120.0, trust_env=False) as client:

        def ask(sql: str) -> str:
            answer = client.post(url, content=sql, params={"database": "pingfold"})
            answer.raise_for_status()
            return answer.text

        tables = ask("SELECT name FROM system.tables WHERE database = 'pingfold' AND engine LIKE '%MergeTree'")
        for table in tables.split():
            ask(f"OPTIMIZE TABLE {table} FINAL")
        return Counter({table: int(size) for table, size in (row.split("\t") for row in ask(_TABLES).splitlines())})


def _results(stack: Stack) -> int:
    found = stack.metrics()
    return int(sum(value for (name, *_), value in found.items() if name == "pingfold_probes_total"))


def _sum(grown: Counter[str], kept: bool) -> int:
    return sum(count for name, count in grown.items() if (name in _KEPT) is kept)


def _each(
    grown: Counter[str], rates: Counter[str], seconds: float, count: int, before: Counter[str], after: Counter[str]
) -> dict[str, Any]:
    topics = {name: (total - rates[name] * seconds) / count for name, total in grown.items()}
    tables = {name: (size - before[name]) / count for name, size in after.items()}
    return {
        "kafka_kept": round(sum(each for name, each in topics.items() if name in _KEPT), 1),
        "kafka_compacted": round(sum(each for name, each in topics.items() if name not in _KEPT), 1),
        "clickhouse": round(sum(tables.values()), 1),
        "by_topic": {name: round(each, 1) for name, each in topics.items() if each >= 1},
        "by_table": {name: round(each, 1) for name, each in tables.items() if each >= 1},
        "per_second": round(count / seconds, 1),
    }


def _ping(stack: Stack, checks: list[str], count: int, size: int) -> None:
    async def lane(session: aiohttp.ClientSession, first: int) -> None:
        for number in range(first, count, _IN_FLIGHT):
            body = " ".join(random.choices(_WORDS.split(), k=size // 4))[:size] if size else ""
            url = f"{stack.url}/ping/{checks[number % len(checks)]}"
            async with session.post(url, data=body) as answer:
                answer.raise_for_status()
                await answer.read()

    async def all_of_them() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30.0)) as session:
            await asyncio.gather(*(lane(session, first) for first in range(_IN_FLIGHT)))

    asyncio.run(all_of_them())
    say(f"{count} pings of {size} bytes")
    wait_folded(stack, "checks", PINGS)
