"""Checks whether Kafka and ClickHouse answer: for readiness, watchdogs and start-up. Every check is bounded in time.

The checks use their own connections and no client library, so that they do not depend on the state of the client that
is being judged.
"""

import http.client
import socket
import ssl
import struct
import time

from infra.clickhouse.address import Address
from infra.log.cluster import tls_context

_TIMEOUT = 2.0
# ApiVersions, version 0, correlation id 1, client id "pingfold": every broker answers it, to anybody, at once.
_NAME = b"pingfold"
_ID = struct.pack(">i", 1)
_API_VERSIONS = struct.pack(">hh", 18, 0) + _ID + struct.pack(">h", len(_NAME)) + _NAME
_HEAD_BYTES = 8
_NO_KAFKA = "it answers, but not as Kafka does in clear (PINGFOLD_KAFKA_SECURITY_PROTOCOL)"


def kafka_answers(bootstrap: str, timeout: float = _TIMEOUT) -> bool:
    """Whether a broker of `bootstrap` (host:port, separated by commas) answers a request within `timeout` seconds."""
    return not kafka_fault(bootstrap, timeout)


def kafka_fault(bootstrap: str, timeout: float = _TIMEOUT) -> str:
    """Why no broker answers a request within `timeout` seconds, empty when one does. Passwords are not tried."""
    deadline = time.monotonic() + timeout
    try:
        context = tls_context(bootstrap)
    except OSError as error:  # `ssl.SSLError` is one, too
        return f"a certificate or key cannot be used: {error}"
    faults = []
    for address in filter(None, map(str.strip, bootstrap.split(","))):
        fault = _fault_of_broker(address, context, deadline)
        if not fault:
            return ""
        faults.append(f"{address}: {fault}")
    return "; ".join(faults) or "there is no address"


def _fault_of_broker(address: str, context: ssl.SSLContext | None, deadline: float) -> str:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        with socket.create_connection((host, int(port)), timeout=_left(deadline)) as plain:
            plain.settimeout(_left(deadline))
            if context is None:
                return _fault_of_connection(plain, deadline)
            with context.wrap_socket(plain, server_hostname=host) as encrypted:
                return _fault_of_connection(encrypted, deadline)
    except TimeoutError:
        return "no answer in time"
    except (OSError, ValueError) as error:
        return str(error)


def _fault_of_connection(connection: socket.socket, deadline: float) -> str:
    connection.settimeout(_left(deadline))
    connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
    answer = b""
    while len(answer) < _HEAD_BYTES:  # the length, and the id of the request
        connection.settimeout(_left(deadline))
        more = connection.recv(_HEAD_BYTES - len(answer))
        if not more:
            return "it closed the connection" if not answer else _NO_KAFKA
        answer += more
    return "" if answer.endswith(_ID) else _NO_KAFKA


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
