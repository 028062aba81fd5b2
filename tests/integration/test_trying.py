"""A try of a monitor probes a real server, by the probers' own code and within its bounds."""

import json
import time
from typing import Any

from infra.clock import SystemClock
from ingest.prober.trying import Trier
from tests.harness import POP_KEY, Harness
from tests.probe_targets import LOOPBACK, answering, on_uvloop, serving, silent

TOKEN = "a-token-of-the-shop"


async def tried(harness: Harness, **body: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    answer = await harness.client.post("/api/v1/monitors/try", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


@on_uvloop
async def test_a_real_server_is_probed_once() -> None:
    trier = Trier(LOOPBACK, SystemClock())
    harness = Harness(trying=trier, private_targets="127.0.0.0/8")
    well = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nWelcome"
    heads: list[bytes] = []

    async def shop(reader: Any, writer: Any) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(well)

    try:
        async with serving(shop) as server:
            url = f"http://127.0.0.1:{server.port}/"
            up = await tried(harness, url=url, keyword="Welcome", headers={"X-Token": TOKEN})
            down = await tried(harness, url=url, keyword="Goodbye")
            tcp = await tried(harness, type="tcp", host="127.0.0.1", port=server.port)
        assert (up["status"], up["status_code"], up["http_version"]) == ("up", 200, "1.1")
        assert up["phases"]["connect_ms"] is not None
        assert f"X-Token: {TOKEN}".encode() in heads[0]
        assert TOKEN not in json.dumps(up)
        assert (down["status"], down["error"]) == ("down", "keyword: not found")
        assert tcp["status"] == "up"
        gone = await tried(harness, url=url)
        assert (gone["status"], gone["error"]) == ("down", "connect: connection refused")
        async with serving(answering(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n")) as server:
            led = await tried(harness, url=f"http://127.0.0.1:{server.port}/", follow_redirects=True)
        assert led["status"] == "down"
        assert led["error"].startswith("refused target")
        async with serving(silent) as server:
            began = time.monotonic()
            late = await tried(harness, url=f"http://127.0.0.1:{server.port}/", timeout_seconds=1)
        assert (late["status"], late["error"]) == ("down", "timeout: after 1 s")
        assert time.monotonic() - began < 10
    finally:
        await trier.close()
