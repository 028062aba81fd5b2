"""How many queries the DNS server answers in a second, whole, on one core: `pingfold dns`, asked over UDP.

The server may use one core only, the load another one where there is one. It is asked for all kinds of names that are
there and are not, `ahead` queries before their answers, and each answer that comes is counted. The limit for one
network is off: everything comes from here.
"""

import os
import selectors
import socket
import time
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from dnslib import EDNS0, DNSRecord

from bench.processes import Usage, module, running, spawn, wait_until
from bench.report import Report, say
from infra.embedded.ports import HOST, free_port

_ZONE = "nodes.example.org"
_NODES = 12
_START_SECONDS, _ANSWER_SECONDS = 60.0, 2.0
_WANTED = 5_000
_NAMES = (
    ("ips", "A"),
    ("ips", "AAAA"),
    ("ips", "TXT"),
    ("ipv4", "A"),
    ("n3.nodes", "AAAA"),
    ("none", "A"),
    ("ipv6", "A"),
)


def dns(
    seconds: Annotated[float, typer.Option(help="How long it is asked.")] = 10.0,
    ahead: Annotated[int, typer.Option(help="Queries that wait for their answers.")] = 64,
) -> None:
    """Answers a second of the DNS server on one core, over UDP."""
    report = Report("dns", {"seconds": seconds, "ahead": ahead, "nodes": _NODES})
    port = free_port()
    with (
        TemporaryDirectory() as folder,
        running(spawn(*module("pingfold", "dns"), environment=_environment(Path(folder), port))) as process,
    ):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(process.pid, cores[:1])
        os.sched_setaffinity(0, cores[1:] or cores)
        wait_until(lambda: _answers(port), _START_SECONDS, "an answer")
        say("it answers")
        usage = Usage({"server": process.pid})
        asked, answered, elapsed = _ask(port, seconds, ahead)
        micros = usage.micros_per(answered)["server"]
    rate = round(answered / elapsed)
    report.measured |= {
        "asked": asked,
        "answered": answered,
        "answers_per_second": rate,
        "server_micros_per_answer": micros,
        "answers_per_second_of_processor_time": round(1e6 / micros) if micros else None,
    }
    report.ask("answers/s on one core", rate, ">=", _WANTED)
    report.ask("share of the queries that were answered", round(answered / max(1, asked), 4), ">=", 0.999)
    report.publish()


def _environment(folder: Path, port: int) -> dict[str, str]:
    nodes = "".join(f'[n{n}]\nip = "192.0.2.{n}"\nip6 = "2001:db8::{n + 1:x}"\n' for n in range(_NODES))
    (folder / "nodes.toml").write_text(nodes)
    return os.environ | {
        "PINGFOLD_DATA": str(folder / "data"),
        "PINGFOLD_NODES": str(folder / "nodes.toml"),
        "PINGFOLD_DNS_ZONE": _ZONE,
        "PINGFOLD_DNS_NAMESERVERS": "ns1.example.org",
        "PINGFOLD_DNS_LISTEN": f"{HOST}:{port}",
        "PINGFOLD_DNS_ANSWERS_PER_SECOND": "0",
    }


def _query(name: str, kind: str) -> bytes:
    query = DNSRecord.question(f"{name}.{_ZONE}", kind)
    query.add_ar(EDNS0(udp_len=1_232))
    return bytes(query.pack())


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect((HOST, port))
        try:
            client.send(_query("ips", "A"))
            return bool(client.recv(2_048))
        except OSError:
            return False


def _ask(port: int, seconds: float, ahead: int) -> tuple[int, int, float]:
    """How many queries were sent, how many answered, in how many seconds. A window whose answers do not come within
    their bound is given up, and its queries are not answered."""
    queries = cycle([_query(name, kind) for name, kind in _NAMES])
    asked = answered = waiting = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, selectors.DefaultSelector() as selector:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        client.connect((HOST, port))
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ)
        began = time.monotonic()
        while (now := time.monotonic()) < began + seconds or waiting:
            while waiting < ahead and now < began + seconds:
                client.send(next(queries))
                asked, waiting = asked + 1, waiting + 1
            if not selector.select(_ANSWER_SECONDS):
                waiting = 0
                continue
            try:
                while True:
                    client.recv(2_048)
                    answered, waiting = answered + 1, waiting - 1
            except BlockingIOError:
                pass
        return asked, answered, time.monotonic() - began
