"""The ClickHouse client: address, connections, queries. Every wait is bounded.

Temporary failures (no connection, no answer in time, overload, not migrated yet) are raised as `ClickHouseUnavailable`:
try again later. Any other exception is a defect and keeps its type.
"""

import asyncio
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import aiohttp
import clickhouse_connect
import msgspec
import urllib3
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from infra.errors import InfraError

DEFAULT_DATABASE = "pingfold"

Row = TypeVar("Row", bound=tuple[Any, ...])

# Error codes of ClickHouse that pass by themselves: no such table or database (yet), timeouts, too many queries,
# network, read-only table, no space, no memory, too many parts, no Keeper, not ready, quota.
_PASSING = frozenset({60, 81, 159, 201, 202, 203, 209, 210, 242, 243, 241, 252, 279, 319, 394, 425, 999})


# TLS files, named as clickhouse-connect names them.
_FILES = ("ca_cert", "client_cert", "client_cert_key")


class ClickHouseUnavailable(InfraError):
    """ClickHouse cannot do this now: try the same call again later, or answer 503."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where ClickHouse is: what stands in `https://user:password@host:port/database?ca_cert=FILE`.

    ca_cert: authorities to trust instead of the system's; client_cert, client_cert_key: who we are, where it is asked.
    """

    host: str
    port: int
    database: str = DEFAULT_DATABASE
    user: str = "default"
    password: str = field(default="", repr=False)
    secure: bool = False
    ca_cert: str | None = None
    client_cert: str | None = None
    client_cert_key: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Address":
        """The address in a URL. Raises `ValueError` with what is wrong, never telling the password."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("CLICKHOUSE_URL must look like http://user:password@host:port/database")
        secure, files = parts.scheme == "https", dict(parse_qsl(parts.query, keep_blank_values=True))
        if files.keys() - _FILES or (files and not secure):
            raise ValueError(f"CLICKHOUSE_URL may have only {', '.join(_FILES)} behind the ?, and those with https")
        database = unquote(parts.path.strip("/")) or DEFAULT_DATABASE
        if not database.replace("_", "").isalnum() or not database.isascii():
            raise ValueError("the database named in CLICKHOUSE_URL may have letters, digits and _ only")
        return cls(
            host=parts.hostname,
            port=parts.port or (8443 if secure else 8123),
            database=database,
            user=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            secure=secure,
            ca_cert=files.get("ca_cert"),
            client_cert=files.get("client_cert"),
            client_cert_key=files.get("client_cert_key"),
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """For clients of our own; None without TLS. Raises `OSError` when a file cannot be read."""
        if not self.secure:
            return None
        context = ssl.create_default_context(cafile=self.ca_cert)
        if self.client_cert:
            context.load_cert_chain(self.client_cert, self.client_cert_key)
        return context


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
        **{name: value for name in _FILES if (value := getattr(address, name))},
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
