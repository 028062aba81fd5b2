"""Declarations applied to a Pingfold in memory: the real folds and APIs, without a socket."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
import pytest
import yaml

from pingfold.declared import project
from pingfold.declared.api import Api
from pingfold.declared.executing import execute
from pingfold.declared.exporting import Exported, choose, export
from pingfold.declared.loading import loaded
from pingfold.declared.planning import PLAIN, Options, Plan, plan
from pingfold.declared.problems import InvalidDeclarations
from pingfold.declared.showing import lines, summary
from pingfold.declared.things import Declarations, Present
from schemas.times import iso
from tests.given_settings import settings_of
from tests.harness import POP_KEY, WRITE_KEY, Harness

PRUNE, ADOPT = Options(prune=True), Options(adopt=True)


class _InMemory(httpx.BaseTransport):
    """Hands requests to the application of a harness."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self.seen: list[tuple[str, str]] = []
        self.fail_at: int | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        writes = sum(method != "GET" for method, _ in self.seen)
        if request.method != "GET" and self.fail_at == writes:
            raise httpx.ConnectError("the connection is lost")
        self.seen.append((request.method, request.url.path))
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._harness.client.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        unpacked = {name: value for name, value in answer.headers.items() if name.lower() != "content-encoding"}
        return httpx.Response(answer.status_code, headers=unpacked, content=answer.content)


def loaded_text(*files: str | Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Declarations:
    """What files declare, `0.yml` and so on."""
    return loaded(_contents(files), environment=environment or {})


def _contents(files: Iterable[str | Mapping[str, Any]]) -> list[tuple[str, bytes]]:
    texts = [file if isinstance(file, str) else yaml.safe_dump(dict(file), allow_unicode=True) for file in files]
    return [(f"{number}.yml", text.encode()) for number, text in enumerate(texts)]


class World:
    """A project, and files that are applied to it."""

    def __init__(self, keys: str = f"{POP_KEY},{WRITE_KEY}", harness: Harness | None = None, **settings: Any) -> None:
        self.harness = harness or Harness(**settings)
        self.transport = _InMemory(self.harness)
        self.api = Api(
            settings_of(url="http://pingfold.test", key=keys),
            transport=self.transport,
            wait=lambda seconds: self.harness.log.tick(seconds),
        )

    def present(self) -> list[Present]:
        return project.read(self.api)

    def plan(
        self, *files: str | Mapping[str, Any], options: Options = PLAIN, environment: Mapping[str, str] | None = None
    ) -> Plan:
        declarations = loaded(_contents(files), project.rules(self.api), environment or {})
        return plan(declarations, self.present(), iso(self.harness.log.now()), options)

    def apply(self, *files: str | Mapping[str, Any], **more: Any) -> list[str]:
        """What was done: `+ checks/backup`."""
        planned = self.plan(*files, **more)
        assert list(lines(planned))[-1] == summary(planned)  # it can be told, too
        return [f"{step.sign} {step.section}/{step.key}" for step in execute(planned, self.api)]

    def export(self, *names: str) -> Exported:
        present = self.present()
        return export(present, list(choose(present, names, ())))

    def fields(self, section: str, key: str) -> dict[str, Any]:
        [found] = [one for one in self.present() if (one.section, one.key) == (section, key)]
        return found.fields


def problems(world: World, *files: Any, **more: Any) -> str:
    """Why files are refused before anything is asked for."""
    with pytest.raises(InvalidDeclarations) as refused:
        world.plan(*files, **more)
    return str(refused.value)
