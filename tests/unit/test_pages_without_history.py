"""Every page while ClickHouse does not answer: it is shown, and says that something is missing if it asks for that."""

import asyncio
import dataclasses
from typing import Any

import httpx
import pytest

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.web import asking
from tests.all_pages import page_paths, things_to_make
from tests.harness import ADMIN_PASSWORD, POP_KEY, Harness

_READERS = ("history", "monitor_history", "delivery_history", "page_history", "audit_history", "report_history",
            "uptime_history", "past_things")  # fmt: skip
_BOUND = 5.0
# Readers within readers.
_PARTS = ("response_times", "deciding_results", "validity", "run_times")


class Asked:
    """A reader that notes that it is asked."""

    def __init__(self, reader: Any, asked: list[str]) -> None:
        self._reader, self._asked = reader, asked

    def __getattr__(self, name: str) -> Any:
        there = getattr(self._reader, name)
        if name in _PARTS:
            return Asked(there, self._asked)

        def ask(*arguments: Any, **named: Any) -> Any:
            self._asked.append(name)
            return there(*arguments, **named)

        return ask


class Away:
    """A reader that raises, or takes for ever."""

    def __init__(self, hangs: bool) -> None:
        self._hangs = hangs

    def __getattr__(self, name: str) -> Any:
        if name in _PARTS:
            return self

        async def ask(*_: Any, **__: Any) -> Any:
            if self._hangs:
                await asyncio.Event().wait()
            raise ClickHouseUnavailable("ClickHouse is away")

        return ask


async def _everything(harness: Harness) -> list[str]:
    """The path of every page, in a project in which there is one of each kind."""
    check = (await harness.client.post("/api/v3/checks/", json={"name": "backup of pages"})).json()["uuid"]
    for kind in ("success", "fail"):
        harness.log.ping(check, kind, body="said")
        harness.log.tick(5)
    state = harness.log.states.state(check)
    assert state is not None
    ids = {"check": check, "incident": str(state.incident), "project": harness.project}
    ids["channel"] = harness.make_channel("hook")
    for name, path, body in things_to_make(ids):
        answer = await harness.client.post(path, json=body, headers={"Authorization": f"Bearer {POP_KEY}"})
        assert answer.is_success, answer.text
        ids[name] = answer.json()["data"]["id"]
    return page_paths(ids)


def _with_readers(harness: Harness, readers: dict[str, Any]) -> None:
    harness.app.state.deps = dataclasses.replace(harness.app.state.deps, **readers)


async def _get(harness: Harness, path: str) -> httpx.Response:
    return await harness.client.get(path, auth=("admin", ADMIN_PASSWORD))


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_page_that_asks_history_says_so_when_it_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.001)
    harness = Harness()
    paths, asked = await _everything(harness), list[str]()
    assert len(paths) > 60
    there = {name: getattr(harness.app.state.deps, name) for name in _READERS}
    _with_readers(harness, {name: Asked(reader, asked) for name, reader in there.items()})
    before: dict[str, tuple[int, list[str]]] = {}
    for path in paths:
        asked.clear()
        before[path] = ((await _get(harness, path)).status_code, list(asked))
    assert sum(bool(one) for _, one in before.values()) > 10
    assert not [path for path, (status, _) in before.items() if status >= 500]
    _with_readers(harness, dict.fromkeys(_READERS, Away(hangs)))
    wrong = {}
    for path, (status, questions) in before.items():
        try:
            async with asyncio.timeout(_BOUND):
                answer = await _get(harness, path)
        except TimeoutError:
            wrong[path] = "not answered in time"
            continue
        says = "History does not answer now" in answer.text
        if answer.status_code not in (status, 503) or says != bool(questions):
            wrong[path] = f"{answer.status_code} after {status}, says: {says}, asked: {questions}"
    assert not wrong
