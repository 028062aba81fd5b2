"""Whether Kafka and ClickHouse answer: bounded questions over a connection of their own, for those who judge others.

They use no client library: a check must not depend on the state of what it judges.
"""

import http.client
import socket
import struct
import time

from infra.clickhouse import Address

_TIMEOUT = 2.0
# ApiVersions, version 0, correlation id 1, client id "pingfold": every broker answers it, to anybody, at once.
_NAME = b"pingfold"
_API_VERSIONS = struct.pack(">hhih", 18, 0, 1, len(_NAME)) + _NAME


def kafka_answers(bootstrap: str, timeout: float = _TIMEOUT) -> bool:
    """Whether a broker of `bootstrap` (host:port, separated by commas) answers a request within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    return any(_broker_answers(address.strip(), deadline) for address in bootstrap.split(",") if address.strip())


def _broker_answers(address: str, deadline: float) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_left(deadline)) as connection:
            connection.settimeout(_left(deadline))
            connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
            connection.settimeout(_left(deadline))
            return len(connection.recv(8)) > 0
    except (OSError, ValueError):
        return False


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def clickhouse_answers(address: Address, timeout: float = _TIMEOUT) -> bool:
    """Whether the ClickHouse server answers `GET /ping`."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout)
    try:
        if (context := address.tls_context()) is not None:
            connection = http.client.HTTPSConnection(address.host, address.port, timeout=timeout, context=context)
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
