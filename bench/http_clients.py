"""Clients that ask as fast as they can, for `bench.http_servers`: how many answers came in so many seconds."""

import re
import shutil
import socket
import subprocess
import threading
import time

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded

_CONNECTIONS = 32
_STREAMS = 32  # at once on a connection


def over_http_1(port: int, path: str, seconds: float) -> int:
    """32 connections that are kept, one request at a time on each."""
    if shutil.which("wrk") is None:
        return _by_threads(port, path, seconds)
    run = subprocess.run(
        ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{max(1, round(seconds))}s", f"http://127.0.0.1:{port}{path}"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"(\d+) requests in", run.stdout)
    assert found is not None, run.stdout
    return int(found[1])


def _by_threads(port: int, path: str, seconds: float) -> int:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    deadline, counts = time.monotonic() + seconds, [0] * _CONNECTIONS

    def ask(number: int) -> None:
        with socket.create_connection(("127.0.0.1", port), 20.0) as connection:
            while time.monotonic() < deadline:
                connection.sendall(request)
                received = b""
                while not received.endswith(b"\r\n\r\nOK"):
                    received += connection.recv(65_536)
                counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def over_http_2(port: int, path: str, seconds: float) -> int:
    """One connection with 32 requests at a time, by prior knowledge."""
    state = H2Connection(H2Configuration(client_side=True, header_encoding=None, validate_inbound_headers=False))
    state.initiate_connection()
    head = [(":method", "GET"), (":scheme", "http"), (":authority", f"127.0.0.1:{port}"), (":path", path)]
    deadline, answered, open_streams = time.monotonic() + seconds, 0, 0
    with socket.create_connection(("127.0.0.1", port), 20.0) as connection:
        while time.monotonic() < deadline:
            while open_streams < _STREAMS:
                state.send_headers(state.get_next_available_stream_id(), head, end_stream=True)
                open_streams += 1
            connection.sendall(state.data_to_send())
            for event in state.receive_data(connection.recv(65_536)):
                if isinstance(event, StreamEnded):
                    answered, open_streams = answered + 1, open_streams - 1
                elif isinstance(event, DataReceived) and event.flow_controlled_length:
                    state.acknowledge_received_data(event.flow_controlled_length, event.stream_id or 0)
    return answered
