"""Runs the blocking calls of one partition in the worker's thread pool, each watched by the watchdog.

A call that neither returns nor makes progress within the watchdog's limit ends the process. Progress is: for a load,
records read and decoded; for a batch, records stepped and states changed; for a commit, answers of the client, good or
bad.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

from infra.process.liveness import LIVENESS
from processors.fold.view import View
from processors.runtime.loading import Abandoned, Loading

T = TypeVar("T")


class BlockingCalls:
    """name: what the log calls it. loads: held while states are loaded, so that the pool has room for commits."""

    def __init__(self, name: str, pool: Executor, loads: asyncio.Semaphore, loading: Loading) -> None:
        self._name, self._pool, self._loads, self._loading = name, pool, loads, loading
        self._steps = 0
        # The states, once they are loaded: one tick may change a hundred thousand of them.
        self.view: View | None = None

    def beat(self) -> None:
        """The call under way has made progress."""
        self._steps += 1

    def counted(self, records: Iterable[T]) -> Iterator[T]:
        """Records one by one, each of them progress."""
        for record in records:
            self._steps += 1
            yield record

    async def ask(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run what needs Kafka: time in which Kafka does not answer does not count."""
        return await self._run(("kafka",), call, *arguments)

    async def compute(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run what needs nobody."""
        return await self._run((), call, *arguments)

    async def load(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run what may take minutes, a few of them at once. Whoever is cancelled abandons it: it ends soon, and as long
        as it has not, it counts among the few, so that abandoned loads never fill the pool."""
        loading = asyncio.ensure_future(self._load(call, *arguments))
        try:
            return await asyncio.shield(loading)
        except asyncio.CancelledError:
            self._loading.abandoned = True
            loading.add_done_callback(_forget)
            raise

    async def _load(self, call: Callable[..., T], *arguments: Any) -> T:
        async with self._loads:
            if self._loading.abandoned:
                raise Abandoned
            return await self.ask(call, *arguments)

    async def _run(self, needs: tuple[str, ...], call: Callable[..., T], *arguments: Any) -> T:
        work = partial(self._watched, needs, partial(call, *arguments))
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _watched(self, needs: tuple[str, ...], call: Callable[[], T]) -> T:
        with LIVENESS.during(self._name, needs, progress=self._progress):
            return call()

    def _progress(self) -> int:
        changed = 0 if self.view is None else len(self.view.changed)
        return self._steps + self._loading.steps + changed


def _forget(loading: "asyncio.Future[Any]") -> None:
    if not loading.cancelled():
        loading.exception()  # nobody waits for it any more
