"""Threads for looks at the log, by which "is it known?" is answered: nothing else may keep them busy.

asyncio's own threads are there for whoever asks: renderings, password hashes. Looks are shared by those who ask and are
bounded in time, so a few threads are enough for all of them.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_POOL = ThreadPoolExecutor(8, thread_name_prefix="log-look")


def take_look(look: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
    """The outcome of a blocking look, in a thread that only looks use."""
    return asyncio.get_running_loop().run_in_executor(_POOL, lambda: look(*args, **kwargs))
