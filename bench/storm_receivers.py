"""Receivers of every kind of message, in a process of their own: a port for each channel, and what came to it.

`python -m bench.storm_receivers CONTROL_PORT JSON`: the JSON is a list with an object for each channel, `kind` and
`dead` ("", `hangs` or `fails`). It serves on loopback until SIGTERM. `GET /` of the control port lists, for each
channel in its order, its port and the times (seconds since the epoch) at which a request to it was complete.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import uvloop
from aiohttp import web

from bench.processes import module, running, spawn, wait_until
from infra.embedded.ports import HOST, free_port

# What a channel of each kind is configured by; `{url}` is its server.
_SECRET = "a" * 32
CONFIGS: Mapping[str, Mapping[str, str]] = {
    "ntfy": {"server": "{url}", "topic": "alerts"},
    "slack": {"url": "{url}/services/T00000000/B00000000/xxxxxxxxxxxxxxxx"},
    "discord": {"url": "{url}/api/webhooks/123456789012345678/xxxxxxxx"},
    "mattermost": {"url": "{url}/hooks/xxxxxxxxxxxxxxxxxxxxxxxxxx"},
    "msteams": {"url": "{url}/workflows/x/triggers/manual/paths/invoke?sig=x"},
    "googlechat": {"url": "{url}/v1/spaces/xxxx/messages?key=xxxx&token=xxxx"},
    "telegram": {"server": "{url}", "bot_token": f"123456789:{_SECRET}", "chat_id": "-100123"},
    "matrix": {"server": "{url}", "access_token": _SECRET, "room_id": "!abc:example.org"},
    "pushover": {"server": "{url}", "app_token": _SECRET[:30], "user_key": _SECRET[:30]},
    "twilio": {
        "server": "{url}",
        "account_sid": f"AC{_SECRET}",
        "auth_token": _SECRET,
        "from_number": "+15557122661",
        "to_number": "+15558675310",
    },
    "pagerduty": {"server": "{url}", "routing_key": _SECRET},
    "opsgenie": {"server": "{url}", "genie_key": _SECRET},
    "webhook": {"url": "{url}/hook"},
}
# What the services answer that look at more than the status. One answer suits most of them.
_ANSWERS: Mapping[str, str] = {
    "slack": "ok",
    "mattermost": "ok",
    "pushover": '{"status":1}',
    "pagerduty": '{"status":"success"}',
}
_ANSWER = '{"ok":true,"id":"1","name":"x","event_id":"$x","sid":"x","requestId":"x"}'
_HANG_SECONDS = 600.0


class Told(NamedTuple):
    """port: of a channel. at: when requests came to it."""

    port: int
    at: list[float]


class StormReceivers:
    """The running process, for whoever measures."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{HOST}:{port}/"

    def told(self) -> list[Told]:
        """What came to each channel."""
        answer = httpx.get(self._url, trust_env=False, timeout=30.0)
        return [Told(one["port"], one["at"]) for one in answer.json()]

    def serves(self) -> bool:
        """Whether every channel has its port."""
        try:
            return all(one.port for one in self.told())
        except httpx.HTTPError:
            return False


def config_of(kind: str, port: int) -> dict[str, str]:
    """What a channel that leads to a port is configured by."""
    return {name: value.replace("{url}", f"http://{HOST}:{port}") for name, value in CONFIGS[kind].items()}


@contextlib.contextmanager
def storm_receivers(channels: list[dict[str, str]]) -> Iterator[StormReceivers]:
    """The process, as long as the body runs."""
    port = free_port()
    with running(spawn(*module("bench.storm_receivers", str(port), json.dumps(channels)))):
        it = StormReceivers(port)
        wait_until(it.serves, 20.0, "the receivers listen")
        yield it


class _Channel:
    def __init__(self, kind: str, dead: str) -> None:
        self.kind, self.dead, self.port = kind, dead, 0
        self.at: list[float] = []

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        await request.read()
        self.at.append(time.time())
        if self.dead == "hangs":
            await asyncio.sleep(_HANG_SECONDS)
        if self.dead:
            return web.Response(status=503)
        return web.Response(text=_ANSWERS.get(self.kind, _ANSWER), content_type="application/json")

    async def serve(self) -> None:
        runner = web.ServerRunner(web.Server(self), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0, backlog=1024).start()
        self.port = runner.addresses[0][1]


async def _serve(port: int, wanted: list[dict[str, str]]) -> None:
    channels = [_Channel(one["kind"], one["dead"]) for one in wanted]
    for channel in channels:
        await channel.serve()

    async def told(_: web.BaseRequest) -> web.Response:
        found: list[dict[str, Any]] = [{"port": channel.port, "at": channel.at} for channel in channels]
        return web.json_response(found)

    runner = web.ServerRunner(web.Server(told), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), json.loads(sys.argv[2])))
