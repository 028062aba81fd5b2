"""The ClickHouse client: connections and queries. Every wait is bounded.

Temporary failures (no connection, no answer in time, overload, not migrated yet) are raised as `ClickHouseUnavailable`:
try again later. Any other exception is a defect and keeps its type.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import aiohttp
import clickhouse_connect
import msgspec
import urllib3
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from infra.clickhouse.address import TLS_FILES, Address
from infra.errors import InfraError

Row = TypeVar("Row", bound=tuple[Any, ...])

# Error codes of ClickHouse that pass by themselves: no such table or database (yet), timeouts, too many queries,
# network, read-only table, no space, no memory, too many parts, no Keeper, not ready, quota.
_PASSING = frozenset({60, 81, 159, 201, 202, 203, 209, 210, 242, 243, 241, 252, 279, 319, 394, 425, 999})


class ClickHouseUnavailable(InfraError):
    """ClickHouse cannot do this now: try the same call again later, or answer 503."""


@contextmanager
def unavailable_errors() -> Iterator[None]:
    """Turns what is "not now" into `ClickHouseUnavailable`."""
    try:
        yield
    except (OperationalError, aiohttp.ClientError, urllib3.exceptions.HTTPError, OSError, TimeoutError) as error:
        raise ClickHouseUnavailable(str(error) or type(error).__name__) from error
    except DatabaseError as error:
        if error.code in _PASSING:
            raise ClickHouseUnavailable(str(error)) from error
        raise


def _options(address: Address, database: str | None, timeout: float) -> dict[str, Any]:
    return {
        "host": address.host,
        "port": address.port,
        "username": address.user,
        "password": address.password,
        "database": database or address.database,
        "secure": address.secure,
        **{name: value for name in TLS_FILES if (value := getattr(address, name))},
        "connect_timeout": 3.0,
        "send_receive_timeout": timeout,
        "autogenerate_session_id": False,  # no session: calls may run beside each other
        "client_name": "pingfold",
    }


def connect(address: Address, database: str | None = None, timeout: float = 60.0) -> Client:
    """A client for a thread of its own (the writer, migrations). Raises `ClickHouseUnavailable`."""
    with unavailable_errors():
        return clickhouse_connect.get_client(**_options(address, database, timeout))


class ClickHouse:
    """Asks ClickHouse from an event loop. Connects when first used, so that a process starts without ClickHouse."""

    def __init__(self, address: Address, timeout: float = 10.0) -> None:
        self._address = address
        self._timeout = timeout
        self._client: AsyncClient | None = None
        self._connecting = asyncio.Lock()

    async def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None, raw: Sequence[str] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows of a SELECT; times as whole microseconds, the columns in `raw` as bytes.

        Raises `ClickHouseUnavailable`.
        """
        with unavailable_errors():
            async with asyncio.timeout(self._timeout):
                client = await self._connected()
                result = await client.query(
                    sql,
                    parameters=dict(parameters or {}),
                    query_formats={"DateTime64": "int"},
                    column_formats=dict.fromkeys(raw, "bytes"),
                )
        return [tuple(row) for row in result.result_rows]

    async def plain_rows(self, sql: str, row: type[Row], parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of a SELECT of numbers and text, each as `row`, a tuple: in half the time that `rows` takes for a
        small answer. Raises `ClickHouseUnavailable`."""
        with unavailable_errors():
            async with asyncio.timeout(self._timeout):
                client = await self._connected()
                told = await client.raw_query(sql, parameters=dict(parameters or {}), fmt="JSONCompactEachRow")
        # Some servers write numbers of 64 bits as text.
        return msgspec.json.Decoder(row, strict=False).decode_lines(told)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _connected(self) -> AsyncClient:
        async with self._connecting:
            if self._client is None:
                self._client = await clickhouse_connect.get_async_client(**_options(self._address, None, self._timeout))
            return self._client
