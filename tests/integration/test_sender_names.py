"""Names of receivers, asked of a DNS server on the loopback that never answers for some of them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from infra.egress.guard import Guard
from infra.egress.resolver import ASKER, LookupTimedOut, NotResolved, SystemResolver
from processors.sender.webhooks import CONNECT_DEAD
from schemas.deliveries import Endpoint, EndpointDefined
from schemas.notices import NOTICES
from tests.mail_server import Server, settings_of, smtp
from tests.mail_server import bench as mail_bench
from tests.probe_targets import V4, resolving
from tests.sender_bench import SECRET, Bench, Receiver, bench, receiver

LOOPBACK = Guard([ip_network("127.0.0.0/8")])


def define(run: Bench, channel: str, url: str, project: str) -> None:
    endpoint = Endpoint(id=channel, project=project, url=url, notices=NOTICES, secret=SECRET)
    run.feed((channel, EndpointDefined(at=run.now, endpoint=endpoint)))


async def test_names_that_are_never_answered_delay_no_other_delivery() -> None:
    silent, got = 200, Receiver()
    async with resolving({"good.test": [V4], "fine.test": [V4]}) as names, receiver(got) as url:
        resolver = SystemResolver([names.server], seconds=50.0)  # longer than the test
        async with bench(resolver=resolver, seconds=60.0, connect=55.0) as run:
            for n in range(silent):
                define(run, f"silent{n}", f"http://silent{n}.test/", "p")
                run.request(f"silent{n}", "t")
            await run.until(lambda: len({name for _, name, _ in names.asked}) == silent, 60)
            for channel, name, project in (("beside", "good.test", "p"), ("elsewhere", "fine.test", "q")):
                define(run, channel, url.replace("127.0.0.1", name), project)
                run.request(channel, "t1", "t2")
            await run.until(lambda: len(run.finished) == 4, 20)
            # More of them hang than there would be threads for, and nobody has waited for one of them to end.
            assert resolver._held["p"] > 100
    assert {finished.channel for finished in run.finished} == {"beside", "elsewhere"}


@pytest.fixture
async def silent_first() -> AsyncIterator[Any]:
    async with resolving({"good.test": [V4]}) as names:
        yield names


async def test_one_asker_cannot_take_every_look_up(silent_first: Any) -> None:
    resolver = SystemResolver([silent_first.server], seconds=30.0, at_once=16)

    async def look_up(asker: str, name: str) -> list[str]:
        ASKER.set(asker)
        return [result["host"] for result in await resolver.resolve(name)]

    hanging = [asyncio.create_task(look_up("p", f"silent{n}.test")) for n in range(40)]
    done, waiting = await asyncio.wait(hanging, timeout=1.0)
    assert len(waiting) == 12  # three quarters
    for task in done:
        with pytest.raises(LookupTimedOut, match="too many names"):
            task.result()
    assert await asyncio.create_task(look_up("q", "good.test")) == [V4]
    # Whoever gives up waiting has not got its share back before c-ares lets go of the question.
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    with pytest.raises(LookupTimedOut):
        await asyncio.create_task(look_up("p", "good.test"))
    await resolver.close()
    await asyncio.sleep(0.05)
    assert not resolver._held


async def test_a_look_up_ends_in_time_and_says_why(silent_first: Any) -> None:
    resolver = SystemResolver([silent_first.server], seconds=0.3)
    with pytest.raises(LookupTimedOut, match=r"not resolved within 0\.3 s"):
        await resolver.resolve("silent.test")
    await resolver.close()
    resolver = SystemResolver([silent_first.server], seconds=30.0)
    with pytest.raises(NotResolved, match="not found"):
        await resolver.resolve("nobody.test")
    with pytest.raises(NotResolved, match="not a host name"):
        await resolver.resolve("x" * 70 + ".test")
    [found] = await resolver.resolve("GOOD.test", 80, socket.AF_INET)
    assert (found["host"], found["port"], found["hostname"]) == (V4, 80, "GOOD.test")
    await resolver.close()


def hosts() -> dict[str, set[str]]:
    """The addresses of each name in /etc/hosts."""
    there: dict[str, set[str]] = {}
    for line in Path("/etc/hosts").read_text().splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            there.setdefault(name, set()).add(str(ip_address(address.partition("%")[0])))
    return there


async def test_the_hosts_file_is_read_before_anybody_is_asked(silent_first: Any) -> None:
    silent_first.silent = True
    resolver = SystemResolver([silent_first.server], seconds=10.0)
    assert hosts()
    for name, addresses in hosts().items():
        assert addresses & {result["host"] for result in await resolver.resolve(name)}
    await resolver.close()
    assert not silent_first.asked


async def test_a_name_that_is_not_answered_counts_as_an_answer_too_late() -> None:
    async with resolving({}) as names, bench(resolver=SystemResolver([names.server], seconds=0.2)) as run:
        report = await run.attempt("http://silent.test/")
    assert report.error == "the host name cannot be resolved: not resolved within 0.2 s"
    assert report.timed_out


async def test_what_a_name_resolves_to_is_checked() -> None:
    async with resolving({"both.test": [V4, "10.0.0.1"]}) as names:
        resolver = SystemResolver([names.server])
        async with bench(resolver=resolver) as run:
            report = await run.attempt("http://both.test/")
    assert report.error.startswith("both.test resolves to a private or reserved address")


async def test_names_that_change_are_dialled_as_they_were_checked() -> None:
    turns = iter([[V4], ["10.0.0.1"]])
    got = Receiver()
    async with (
        resolving({"changing.test": lambda: next(turns, ["10.0.0.1"])}) as names,
        receiver(got) as url,
        bench(resolver=SystemResolver([names.server])) as run,
    ):
        report = await run.attempt(url.replace("127.0.0.1", "changing.test"))
    # A and AAAA are two questions: either the first answer was dialled, or the second was seen and refused.
    assert (report.status, len(got.requests)) in ((200, 1), (None, 0))
    assert report.status == 200 or "resolves to a private" in report.error


async def test_the_mail_server_is_found_by_its_name_whatever_hangs() -> None:
    server = Server()
    async with resolving({"mail.test": ["127.0.0.9", V4]}) as names, smtp(server) as port:
        resolver = SystemResolver([names.server], seconds=30.0)
        settings = settings_of(port, smtp_host="mail.test")
        async with mail_bench(settings, resolver=resolver) as run:
            for n in range(100):
                define(run, f"silent{n}", f"http://silent{n}.test/", "p")
                run.request(f"silent{n}", "t")
            run.mail_to("a@example.org")
            run.tell()
            await run.until(lambda: bool(server.mails), 20)


async def test_a_mail_server_that_has_no_name_is_a_failure_like_any_other() -> None:
    async with resolving({}) as names:
        settings = settings_of(1, smtp_host="nobody.test")
        async with mail_bench(settings, resolver=SystemResolver([names.server])) as run:
            run.mail_to("a@example.org")
            run.tell()
            await run.until(lambda: bool(run.reports), 20)
    assert run.reports[0].error == "the name of the mail server cannot be resolved"


# ---- receivers that are believed dead


def full_up() -> tuple[socket.socket, list[socket.socket]]:
    """A port at which connections are neither taken nor refused: the queue of those to be accepted is full."""
    listening = socket.create_server((V4, 0), backlog=0)
    filling = []
    for _ in range(8):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(listening.getsockname())
        filling.append(waiting)
    return listening, filling


async def test_a_receiver_known_to_be_dead_is_given_less_time_to_connect_but_not_always() -> None:
    listening, filling = full_up()
    url = f"http://{V4}:{listening.getsockname()[1]}/"
    try:
        async with bench(seconds=10.0, connect=0.9, connect_dead=0.3) as run:
            run.define("c", url)
            for attempts in range(1, 7):
                run.request("c", f"t{attempts}")
                await run.until(lambda attempts=attempts: len(run.reports) == attempts, 20)  # type: ignore[misc]
    finally:
        for one in (listening, *filling):
            one.close()
    told = [report.error for report in run.reports]
    patient, short = "no connection within 0.9 s", "no connection within 0.3 s"
    assert told == [patient, short, short, short, patient, short]
    assert all(report.timed_out for report in run.reports)
    assert CONNECT_DEAD < 5


async def test_a_receiver_that_came_back_is_not_cut_short() -> None:
    got = Receiver(503, 503, 200, delay=0.5)
    async with receiver(got) as url, bench(connect_dead=0.4) as run:
        run.define("c", url)
        run.request("c", "t")
        for attempts in (1, 2, 3):
            await run.until(lambda attempts=attempts: len(run.reports) == attempts, 20)  # type: ignore[misc]
            run.tick(3600)
    # It is connected at once, and has the whole time for its answer.
    assert [report.status for report in run.reports] == [503, 503, 200]
