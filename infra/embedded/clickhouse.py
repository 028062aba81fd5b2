"""The embedded ClickHouse: its engine (chDB) behind a small server that speaks the ClickHouse HTTP protocol.

`python -m infra.embedded.clickhouse --data DIR --port N --login FILE` serves on loopback only until SIGTERM, at which
it ends within 3 s. FILE holds the user and the password that it asks for (infra/embedded/logins.py); `GET /ping` needs
none. `--analyst FILE` is a second login, which may ask the views of one database only (clickhouse_analyst.py), two
questions at a time. It answers no web page, and no statement reaches files, programs or the network
(clickhouse_statements.py). An answered INSERT survives SIGKILL. clickhouse-connect's ordinary clients and curl work
unchanged, but it is not a whole ClickHouse server: no sessions and temporary tables, no external data, no cancelling of
queries, and results are complete in memory before they are sent (at most 512 MiB).
"""

import argparse
import asyncio
import os
import signal
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from infra.embedded.clickhouse_access import caller_of, check_caller
from infra.embedded.clickhouse_answers import Outcome, Response, answer, failure
from infra.embedded.clickhouse_codec import BadCompression, TooMuch, UnknownCompression
from infra.embedded.clickhouse_connection import ClickHouseConnection
from infra.embedded.clickhouse_engine import MIB, Engine
from infra.embedded.clickhouse_health import Health
from infra.embedded.clickhouse_http import READING_METHODS, Call, StatementRejected, decode
from infra.embedded.logins import Login, NoLogin, read_login
from infra.embedded.ports import HOST

_THREADS = 8
# Calls that wait for a thread; more than this and the callers had better hear of it.
_WAITING = 256
_ANALYST_THREADS, _ANALYSTS_WAITING = 2, 16
# The engine reads no larger one.
_LARGEST_QUESTION, _QUESTION_SECONDS = MIB // 4, 30.0
_LARGEST_BODY = 512 * MIB
_STOP_SECONDS = 2
_METHODS = ("GET", "HEAD", "POST", "PUT", "OPTIONS")
_SELECT_ONE = Call(b"SELECT 1", None, (), "default", {}, {}, "TabSeparated", "")

Message = dict[str, Any]


class Application:
    """The ASGI application: reads a request, runs it on a thread, answers."""

    def __init__(self, engine: Engine, login: Login, analyst: Login | None = None) -> None:
        self._engine, self._analyst = engine, analyst
        self._logins = (login,) if analyst is None else (login, analyst)
        self._asking = 0
        # What analysts ask may take long, and must not keep from a thread what Pingfold asks.
        self._analysts = ThreadPoolExecutor(_ANALYST_THREADS, thread_name_prefix="analyst")
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="query")
        self._pending = 0
        self._health = Health(partial(engine.run, _SELECT_ONE), _THREADS)

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        method: str = scope["method"]
        try:
            response = await self._answer(method, scope, receive)
        except StatementRejected as error:  # before the body was read
            response = failure(str(error), self._engine.version)
            response.headers["Connection"] = "close"
        headers = {"Content-Length": str(len(response.body)), "X-ClickHouse-Server-Display-Name": "embedded"}
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [
                    (k.encode(), v.encode("latin-1", "replace")) for k, v in (headers | response.headers).items()
                ],
            }
        )
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else response.body})

    async def _answer(self, method: str, scope: Message, receive: Any) -> Response:
        path = scope["path"].rstrip("/") or "/"
        check_caller(_pairs(scope))
        if path in ("/ping", "/replicas_status"):
            well = await self._health.is_well()
            return Response(200, b"Ok.\n") if well else Response(503, b"The engine does not answer\n")
        if path != "/":
            return Response(404, b"There is no such page: queries go to /, and /ping tells whether it is well\n")
        if method == "OPTIONS":
            return Response(204, b"", {"Allow": ", ".join(_METHODS)})
        if method not in _METHODS:
            raise StatementRejected(48, f"Method {method} is not supported: queries go by POST. (NOT_IMPLEMENTED)")
        if method in READING_METHODS and not scope["query_string"]:
            return Response(200, b"Ok.\n")
        headers = dict(_pairs(scope))
        caller = caller_of(headers, scope["query_string"], self._logins)
        query = scope["query_string"]
        if caller is self._analyst:
            return await self._inform(method, query, headers, receive)
        return await self._respond(method, query, headers, await _body(receive))

    async def _inform(self, method: str, query: bytes, headers: dict[str, str], receive: Any) -> Response:
        """What an analyst asks: few at a time, those among them whose question is still coming, and no insert."""
        if self._asking >= _ANALYST_THREADS + _ANALYSTS_WAITING:
            raise StatementRejected(202, "Too many simultaneous queries of analysts. (TOO_MANY_SIMULTANEOUS_QUERIES)")
        self._asking += 1
        try:
            try:
                async with asyncio.timeout(_QUESTION_SECONDS):
                    body = await _body(receive, _LARGEST_QUESTION)
            except TimeoutError:
                raise StatementRejected(
                    159, f"The query did not come within {_QUESTION_SECONDS:.0f} s. (TIMEOUT_EXCEEDED)"
                ) from None
            if body is None:
                too_large = f"The query is larger than {_LARGEST_QUESTION} bytes. (QUERY_IS_TOO_LARGE)"
                return failure(str(StatementRejected(229, too_large)), self._engine.version)
            run = partial(self._run, method, query, headers, body, self._engine.run_for_analyst, _LARGEST_QUESTION)
            return await asyncio.get_running_loop().run_in_executor(self._analysts, run)
        finally:
            self._asking -= 1

    async def _respond(self, method: str, query: bytes, headers: dict[str, str], body: bytes | None) -> Response:
        if body is None:
            return failure(
                str(StatementRejected(229, f"The request is larger than {_LARGEST_BODY} bytes. (QUERY_IS_TOO_LARGE)")),
                self._engine.version,
            )
        if self._pending >= _THREADS + _WAITING:
            return failure(
                str(StatementRejected(202, "Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)")),
                self._engine.version,
            )
        self._pending += 1
        self._health.begins()
        try:
            work = asyncio.get_running_loop().run_in_executor(
                self._pool, self._run, method, query, headers, body, self._engine.run
            )
            return await work
        finally:
            self._pending -= 1
            self._health.ended()

    def _run(
        self,
        method: str,
        query: bytes,
        headers: dict[str, str],
        body: bytes,
        run: Callable[[Call], Outcome],
        largest: int | None = None,
    ) -> Response:
        try:
            call = decode(method, query, headers, body, largest)
            call = replace(call, query_id=call.query_id or str(uuid.uuid4()))
            return answer(call, run(call), self._engine.timezone)
        except BadCompression as error:
            rejected = StatementRejected(271, f"The request: {error}. (CANNOT_DECOMPRESS)")
            return failure(str(rejected), self._engine.version)
        except TooMuch as error:
            rejected = StatementRejected(229, f"The request: {error}. (QUERY_IS_TOO_LARGE)")
            return failure(str(rejected), self._engine.version)
        except UnknownCompression as error:
            return failure(str(StatementRejected(48, f"{error}. (NOT_IMPLEMENTED)")), self._engine.version)
        except Exception as error:
            # Whatever went wrong belongs to this one call: it is told, and the server goes on.
            return failure(str(error), self._engine.version)


async def _body(receive: Any, largest: int = _LARGEST_BODY) -> bytes | None:
    """The whole request body, or None when it is larger than `largest` bytes."""
    first = await receive()
    if not first.get("more_body"):
        return bytes(first.get("body", b""))
    body = bytearray(first.get("body", b""))
    fits = True
    while True:
        message = await receive()
        if fits:
            body += message.get("body", b"")
            if len(body) > largest:
                fits = False
                body.clear()
        if not message.get("more_body"):
            return bytes(body) if fits else None


def _pairs(scope: Message) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="infra.embedded.clickhouse", description="ClickHouse's engine over HTTP")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps the tables")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--login", type=Path, required=True, help="file with the user and password to ask for")
    parser.add_argument("--analyst", type=Path, help="file with the user and password of analysts")
    parser.add_argument("--memory", type=int, default=1536, help="MiB that the engine may use (%(default)s)")
    arguments = parser.parse_args()
    try:
        login = read_login(arguments.login)
        analyst = read_login(arguments.analyst) if arguments.analyst else None
    except NoLogin as error:
        parser.error(str(error))
    # uvicorn raises the signal that ended it once more when it is done: by then it has been heeded.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: None)
    server = uvicorn.Server(
        uvicorn.Config(
            Application(Engine(arguments.data, arguments.memory * MIB), login, analyst),
            host=HOST,
            port=arguments.port,
            http=ClickHouseConnection,
            loop="uvloop",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            date_header=False,
            # Clients keep connections for long; one that is closed under them can cost them an INSERT.
            timeout_keep_alive=3600,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )
    server.run()
    # Without waiting for a query that still runs: its caller has gone, and what was answered is on disk.
    os._exit(0 if server.started else 1)


if __name__ == "__main__":
    main()
