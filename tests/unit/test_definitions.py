"""Nothing is called unknown while it may exist: while requests from before wait to be folded, or Kafka is away."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from infra.log import definitions as module
from infra.log.definitions import Definitions
from infra.log.progress import FoldProgress
from schemas.base import encode
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import DEFINITIONS
from tests.harness import ADMIN_PASSWORD, POP_KEY, READ_KEY, Harness
from tests.ping_world import KEY, UNKNOWN, World

POP = {"Authorization": f"Bearer {POP_KEY}"}
NOBODY = {"Authorization": f"Bearer pp_live_{'n' * 32}"}
V1, V3 = "/api/v1", "/api/v3"


class Loaded:
    """The replica, which has caught up; `folded` lets the fold of projects come so far in a partition."""

    def __init__(self) -> None:
        self.progress = FoldProgress(partitions=2)
        self._apply = self.progress.listen(DEFINITIONS)
        self._changed = asyncio.Condition()

    async def folded(self, partition: int, applied: int) -> None:
        self._apply(partition, PROGRESS_KEY, encode(Progress(applied=applied)))
        async with self._changed:
            self._changed.notify_all()

    async def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            return condition()
        return True

    async def caught_up(self, timeout: float) -> bool:
        return True


async def test_what_waits_to_be_folded_may_exist() -> None:
    loaded = Loaded()
    definitions = Definitions(loaded, loaded.progress)
    assert not await definitions.caught_up(0.01), "what waits is not known yet"
    asked = asyncio.create_task(definitions.caught_up(30))
    definitions.expect({0: 5, 1: 0})
    await loaded.folded(0, 5)
    assert not await definitions.caught_up(0.01)
    await loaded.folded(1, 3)
    assert await asked
    assert await definitions.caught_up(0.0)


async def test_where_nothing_waits_everything_is_known() -> None:
    loaded = Loaded()
    definitions = Definitions(loaded, loaded.progress)
    definitions.expect({})
    assert await definitions.caught_up(0.0)


async def test_what_waits_is_asked_again_until_kafka_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, answers = Loaded(), [TimeoutError(), {1: 4}]
    await loaded.folded(1, 2)

    def waiting(bootstrap: str, folded: dict[int, int]) -> Any:
        assert folded == {0: 0, 1: 3}
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(module, "_waiting", waiting)
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.0)
    definitions = Definitions(loaded, loaded.progress)
    await definitions.learn("nowhere")
    assert not await definitions.caught_up(0.01)
    await loaded.folded(1, 4)
    assert await definitions.caught_up(0.01)


@pytest.mark.parametrize("url", [f"/{UNKNOWN}", f"/{KEY}/nothing", "/no-such-key-000000000/job?create=1"])
async def test_pings(url: str) -> None:
    world = World()
    world.replica.fresh = False
    reply = await world.ask(url)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


LOOKUPS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", f"{V3}/checks/", {"headers": {"X-Api-Key": "n" * 32}}),
    ("POST", f"{V3}/checks/", {"headers": {"X-Api-Key": "n" * 32}, "content": b"{" + b" " * 20_000 + b"}"}),
    ("GET", f"{V3}/checks/{UNKNOWN}", {}),
    ("GET", f"{V3}/checks/{'a' * 40}", {"headers": {"X-Api-Key": READ_KEY}}),
    ("GET", f"{V3}/checks/{UNKNOWN}/pings/", {}),
    ("GET", f"{V3}/checks/{'a' * 40}/flips/", {}),
    ("POST", f"{V3}/checks/{UNKNOWN}/pause", {}),
    ("DELETE", f"{V3}/channels/{UNKNOWN}", {}),
    ("GET", f"{V1}/monitors", {"headers": NOBODY}),
    ("GET", f"{V1}/monitors/{UNKNOWN}", {"headers": POP}),
    ("GET", f"{V1}/monitors/{UNKNOWN}/uptime", {"headers": POP}),
    ("GET", f"{V1}/incidents/{UNKNOWN}", {"headers": POP}),
    ("GET", f"{V1}/alert-channels/{UNKNOWN}/deliveries", {"headers": POP}),
    ("PATCH", f"{V1}/alert-channels/{UNKNOWN}", {"headers": POP, "json": {}}),
    ("GET", f"{V1}/status-pages/{UNKNOWN}", {"headers": POP}),
    ("GET", f"{V1}/maintenance-windows/{UNKNOWN}", {"headers": POP}),
    ("POST", f"{V1}/maintenance-windows", {"headers": POP, "json": {"name": "m", "monitor_ids": [UNKNOWN],
     "starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-01T01:00:00Z"}}),
    ("GET", f"/checks/{UNKNOWN}", {"auth": ("", ADMIN_PASSWORD)}),
    ("GET", f"/b/3/{UNKNOWN}.svg", {}),
    ("GET", f"/status/{UNKNOWN}", {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "more"), LOOKUPS, ids=[f"{method} {path}" for method, path, _ in LOOKUPS])
async def test_every_lookup(method: str, path: str, more: dict[str, Any]) -> None:
    """503 while it is not known, and the answer of before when it is."""
    harness = Harness()
    unknown = await harness.client.request(method, path, **more)
    assert unknown.status_code in (400, 401, 404, 413), unknown.text
    harness.log.broken = True
    answer = await harness.client.request(method, path, **more)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1"), answer.text
