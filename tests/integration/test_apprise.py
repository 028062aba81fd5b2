"""Notices to services of Apprise: the fold, the sender, the real library in its process, and servers on the loopback
that take messages as those of the services do, from their public documentation."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from infra.apprise_library.library import AppriseLibrary, LibraryFailed
from infra.apprise_library.messages import Answer, Call
from infra.egress.guard import Guard
from processors.sender.channels.sending import Services
from processors.sender.webhooks import WebhookClient
from schemas.deliveries import DeliveryAttempted, DeliveryRequested, Endpoint, EndpointDefined
from schemas.notices import NOTICES, Notice
from tests.moving_names import Moving
from tests.sender_bench import LOOPBACK, Bench, bench

TOKEN = "AbCdEfGhIjKlMnO"
MONITOR = {"id": "m", "name": "Zürich 🧨 <b>", "url": "https://web.example/?a=1&b=2", "kind": "http"}
INCIDENT = {"id": "i", "started_at": "2025-06-15T15:06:40+00:00", "resolved_at": None, "cause": "Zeit überschritten"}


class Server:
    """Keeps what comes, and answers by `answer`, or as long as there are any with `statuses`."""

    def __init__(
        self,
        answer: Callable[[web.BaseRequest, Any], web.StreamResponse],
        statuses: tuple[int, ...] = (),
        **headers: str,
    ) -> None:
        self.answer, self.statuses, self.headers = answer, list(statuses), headers
        self.came: list[tuple[str, str, Any]] = []
        self.shown: list[dict[str, str]] = []
        self.port = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.shown.append({name.lower(): value for name, value in request.headers.items()})
        if self.statuses:
            named = {name.replace("_", "-"): value for name, value in self.headers.items()}
            return web.Response(status=self.statuses.pop(0), headers=named)
        try:
            said = json.loads(body)
        except ValueError:
            said = body.decode()
        self.came.append((request.method, request.path, said))
        return self.answer(request, said)


@contextlib.asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    runner = web.ServerRunner(web.Server(server), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
async def library() -> AsyncIterator[AppriseLibrary]:
    library = AppriseLibrary()
    yield library
    await library.close()


@contextlib.asynccontextmanager
async def sending(
    library: AppriseLibrary, guard: Guard = LOOPBACK, resolver: AbstractResolver | None = None, seconds: float = 20
) -> AsyncIterator[Bench]:
    async with (
        WebhookClient(guard, seconds=seconds, resolver=resolver, headers={}) as client,
        bench(guard=guard, services=Services(client.exchange, library.ask)) as run,
    ):
        yield run


def define(run: Bench, url: str, id: str = "c") -> None:
    endpoint = Endpoint(
        id=id, project="p", url=f"{url.partition('://')[0]}://", notices=NOTICES, secret=url, kind="apprise",
        site="https://pingfold.example", digest=False,
    )  # fmt: skip
    run.feed((id, EndpointDefined(at=run.now, endpoint=endpoint)))


def request(run: Bench, transition: str, notice: Notice = "monitor.down", id: str = "c") -> None:
    data = {"monitor": MONITOR, "incident": INCIDENT}
    run.feed((id, DeliveryRequested(transition=transition, at=run.now, notices=(notice,), data=data)))


async def reported(run: Bench, count: int = 1) -> DeliveryAttempted:
    """The report on the attempt of this number. The process of the library may take a while to start."""
    await run.until(lambda: len(run.reports) >= count, 60)
    return run.reports[count - 1]


async def attempted(run: Bench, url: str) -> DeliveryAttempted:
    """The report on a first attempt."""
    define(run, url)
    request(run, "t")
    return await reported(run)


def taken(_: web.BaseRequest, __: Any) -> web.StreamResponse:
    return web.json_response({"id": 1})


async def test_a_message_of_gotify(library: AppriseLibrary) -> None:
    async with serving(Server(taken)) as server, sending(library) as run:
        report = await attempted(run, f"gotify://127.0.0.1:{server.port}/below/{TOKEN}?priority=high")
        assert (report.status, report.error) == (200, "")
        await run.until(lambda: [one.outcome for one in run.finished] == ["delivered"], 60)
    [(method, path, said)] = server.came
    assert (method, path) == ("POST", "/below/message")
    assert server.shown[0]["x-gotify-key"] == TOKEN
    assert server.shown[0]["user-agent"] == "Pingfold"
    assert server.shown[0]["accept-encoding"] == "identity"
    assert said["title"] == "Zürich 🧨 <b> is down"
    assert said["priority"] == 8
    assert said["message"].splitlines() == [
        "Zeit überschritten",
        "https://web.example/?a=1&b=2",
        "Since: 2025-06-15 15:06:40 UTC",
        "https://pingfold.example/",
    ]


async def test_messages_of_json_and_ntfy(library: AppriseLibrary) -> None:
    """Two of another form each: the kind of news, and a title of its own."""
    async with serving(Server(taken)) as server, sending(library) as run:
        define(run, f"json://me:{TOKEN}@127.0.0.1:{server.port}/hook?+X-Room=ops", "a")
        define(run, f"ntfy://127.0.0.1:{server.port}/alerts", "b")
        request(run, "t1", "monitor.recovered", "a")
        await reported(run, 1)
        request(run, "t2", "monitor.down", "b")
        await reported(run, 2)
    assert [report.status for report in run.reports] == [200, 200]
    (_, path, as_json), (_, root, as_ntfy) = server.came
    assert (path, root) == ("/hook", "/")
    assert server.shown[0]["x-room"] == "ops"
    assert server.shown[0]["authorization"].startswith("Basic ")
    assert (as_json["type"], as_json["title"]) == ("success", "Zürich 🧨 <b> has recovered")
    assert (as_ntfy["topic"], as_ntfy["title"]) == ("alerts", "Zürich 🧨 <b> is down")


async def test_a_message_that_takes_several_requests(library: AppriseLibrary) -> None:
    """Rocket.Chat: a login, two rooms, a logout. The second room fails, and its status decides."""

    def rocket(request: web.BaseRequest, said: Any) -> web.StreamResponse:
        if request.path == "/api/v1/login":
            return web.json_response({"status": "success", "data": {"userId": "u7", "authToken": "given-now"}})
        if isinstance(said, dict) and said.get("channel") == "#closed":
            return web.Response(status=403)
        return web.json_response({"success": True})

    async with serving(Server(rocket)) as server, sending(library) as run:
        define(run, f"rocket://me:{TOKEN}@127.0.0.1:{server.port}/#open/#closed?avatar=no")
        request(run, "t")
        report = await reported(run)
    assert report.status == 403
    posted = [(said["channel"], shown) for (_, path, said), shown in zip(server.came, server.shown, strict=True)
              if path == "/api/v1/chat.postMessage"]  # fmt: skip
    assert sorted(room for room, _ in posted) == ["#closed", "#open"]
    # What the server gave is used.
    assert {shown["x-auth-token"] for _, shown in posted} == {"given-now"}
    assert server.came[0][1] == "/api/v1/login"
    assert server.came[-1][1] == "/api/v1/logout"


async def test_what_a_service_answers_decides_when_it_is_tried_again(library: AppriseLibrary) -> None:
    server = Server(taken, (429, 503, 302), Retry_After="120", Location="/elsewhere")
    async with serving(server), sending(library) as run:
        define(run, f"gotify://127.0.0.1:{server.port}/{TOKEN}")
        request(run, "t")
        for number, status in enumerate((429, 503, 302, 200), 1):
            report = await reported(run, number)
            assert (report.status, report.attempt) == (status, number)
            assert report.retry_after == (None if status == 200 else 120)
            run.tick(3_600)
        await run.until(lambda: len(run.finished) == 1, 60)
    assert run.finished[0].outcome == "delivered"
    # A redirect is not followed.
    assert [path for _, path, _ in server.came] == ["/message"]


async def test_a_refusal_in_a_body_is_one_although_the_status_is_200(library: AppriseLibrary) -> None:
    """Slack says 200 to everything; the library knows."""
    call = Call(f"slack://xoxb-1234-1234-{TOKEN}/#general/?footer=no", "title", "text")
    wanted = (await library.ask(call)).request
    assert wanted is not None
    assert wanted.url.startswith("https://slack.com/api/")
    for body, taken in ((b'{"ok":false,"error":"invalid_auth"}', False), (b"<html>\xff", False)):
        said = await library.ask(Call(call.url, call.title, call.text, answers=(Answer(200, (), body),) * 3))
        assert (said.request, said.taken) == (None, taken)


async def test_a_url_that_is_none_of_its_service_is_told_without_it(library: AppriseLibrary) -> None:
    urls = {
        "gotify://": "it is no URL of Gotify",
        "pbul://": "it is no URL of Pushbullet",
        f"slack://{TOKEN}": "it is no URL of Slack",
        f"pigeon://{TOKEN}": "no such service",
    }
    async with sending(library) as run:
        for number, (url, words) in enumerate(urls.items(), 1):
            assert words in (await library.ask(Call(url))).problem
            define(run, url)
            request(run, f"t{number}")
            report = await reported(run, number)
            assert report.status is None
            assert words in report.error
            assert TOKEN not in report.error


# ---- where it may not go


INSIDE = (
    "json://127.0.0.1:{port}/x",
    "json://localhost:{port}/x",
    "json://[::1]:{port}/x",
    "json://[::ffff:127.0.0.1]:{port}/x",
    "json://0x7f000001:{port}/x",
    "json://2130706433:{port}/x",
    "json://127.1:{port}/x",
    "gotify://inside.example:{port}/AbCdEfGhIjKlMnO",
    "ntfy://inside.example:{port}/topic",
    "rocket://me:pw@inside.example:{port}/#room",
)


async def test_nothing_inside_is_reached(library: AppriseLibrary) -> None:
    async with serving(Server(taken)) as server, sending(library, Guard(), Moving("127.0.0.1")) as run:
        for number, url in enumerate(INSIDE, 1):
            define(run, url.format(port=server.port))
            request(run, f"t{number}")
            report = await reported(run, number)
            assert (report.status, report.error != "") == (None, True)
    assert server.shown == []


async def test_a_name_that_moves_inside_between_two_requests_is_refused(library: AppriseLibrary) -> None:
    """The first address may be reached, and nobody is there; what was checked is what is connected."""
    async with (
        serving(Server(taken)) as server,
        sending(library, Guard([ip_network("192.0.2.0/24")]), Moving("192.0.2.1", "127.0.0.1"), seconds=0.5) as run,
    ):
        define(run, f"gotify://moves.example:{server.port}/{TOKEN}")
        request(run, "t")
        await reported(run, 1)
        run.tick(3_600)
        assert (await reported(run, 2)).status is None
    assert server.shown == []


async def test_no_proxy_of_the_environment_is_used(library: AppriseLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(Server(taken)) as proxy, serving(Server(taken)) as server, sending(library) as run:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await attempted(run, f"gotify://127.0.0.1:{server.port}/{TOKEN}")).status == 200
    assert (len(server.came), proxy.shown) == (1, [])


# ---- what hangs, and what ends


@contextlib.asynccontextmanager
async def streaming(handler: Callable[[web.BaseRequest], Any]) -> AsyncIterator[int]:
    """A server that answers by a coroutine; its port."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def dripping(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000000"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b".")
            await asyncio.sleep(0.05)
    return response


async def test_servers_that_hang_or_drip_hold_up_nobody(library: AppriseLibrary) -> None:
    released = asyncio.Event()

    async def hanging(request: web.BaseRequest) -> web.StreamResponse:
        await released.wait()
        return web.Response(status=503)

    async with (
        streaming(hanging) as hang,
        streaming(dripping) as drip,
        serving(Server(taken)) as server,
        sending(library, seconds=60) as run,
    ):
        for number in range(30):
            define(run, f"gotify://127.0.0.1:{drip if number % 2 else hang}/{TOKEN}", f"slow-{number}")
            request(run, "t", id=f"slow-{number}")
        define(run, f"gotify://127.0.0.1:{server.port}/{TOKEN}", "well")
        request(run, "t", id="well")
        await run.until(lambda: "well" in {finished.channel for finished in run.finished}, 60)
        released.set()
        await run.until(lambda: len(run.reports) == 31, 60)
    # The status of a drip has been said; what more comes is not waited for.
    assert sum(report.status == 200 for report in run.reports) >= 16


async def test_a_server_that_never_answers_is_given_up(library: AppriseLibrary) -> None:
    async def hanging(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with streaming(hanging) as port, sending(library, seconds=0.3) as run:
        report = await attempted(run, f"gotify://127.0.0.1:{port}/{TOKEN}")
    assert (report.status, report.timed_out) == (None, True)


async def test_an_answer_of_any_length_is_cut(library: AppriseLibrary) -> None:
    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 65_536)
        return response

    async with streaming(endless) as port, sending(library, seconds=60) as run:
        assert (await attempted(run, f"gotify://127.0.0.1:{port}/{TOKEN}")).status == 200


async def test_a_process_that_ended_is_replaced_and_the_message_goes_on(library: AppriseLibrary) -> None:
    async with serving(Server(taken)) as server, sending(library) as run:
        define(run, f"gotify://127.0.0.1:{server.port}/{TOKEN}")
        for number in range(1, 4):
            request(run, f"t{number}")
            assert (await reported(run, number)).status == 200
            process = library.process
            assert process is not None
            process.kill()
    assert len(server.came) == 3


async def test_calls_that_are_given_up_do_not_mix_up_the_answers(library: AppriseLibrary) -> None:
    given_up = [asyncio.create_task(library.ask(Call(f"gotify://b{n}.example/{TOKEN}", "t", "t"))) for n in range(20)]
    await asyncio.sleep(0)
    for one in given_up[::2]:
        one.cancel()
    said = await library.ask(Call(f"gotify://c.example/{TOKEN}", "t", "t"))
    assert said.request is not None
    assert said.request.url == "http://c.example/message"
    for number, one in enumerate(given_up):
        if number % 2:
            wanted = (await one).request
            assert wanted is not None
            assert wanted.url == f"http://b{number}.example/message"


async def test_a_library_that_cannot_be_started_is_told(
    library: AppriseLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sys.executable", "/nonexistent/python")
        with pytest.raises(LibraryFailed, match="cannot be started"):
            await library.ask(Call("gotify://a.example/x"))
    assert (await library.ask(Call(f"gotify://a.example/{TOKEN}"))).problem == ""
