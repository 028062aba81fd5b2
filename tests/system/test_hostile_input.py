"""Whatever comes by HTTP: a clear answer or a closed connection, never a 5xx, and Pingfold goes on (docs/design.md,
statement 6)."""

import json
import random
import re
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system

UUID = "01234567-89ab-cdef-0123-456789abcdef"
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


def exchange(port: int, request: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; the status of the first answer (0: closed without one) and the answer so far."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 5.0) as connection:
        connection.settimeout(8.0)
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while b"\r\n\r\n" not in answer and (part := connection.recv(65_536)):
                answer += part
        except TimeoutError:
            raise AssertionError(f"no answer in time to {request[:200]!r}") from None
        except OSError:  # the server has closed while we were still sending
            pass
    found = _STATUS.match(answer)
    return int(found[1]) if found else 0, answer


def assert_unharmed(pingfold: Pingfold, requests: list[bytes]) -> Counter[int]:
    """No request gets a 5xx, the web process is the same as before, every partition goes on. How often which status."""
    web, said = pingfold.pid("web"), len(pingfold.said())
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda request: exchange(pingfold.port, request), requests))
    wrong = [
        (request[:300], answer[:300])
        for request, (status, answer) in zip(requests, answers, strict=True)
        if status >= 500 and not (status == 503 and b"retry-after" in answer.lower())
    ]
    assert wrong == []
    assert pingfold.pid("web") == web
    new_lines = pingfold.said()[said:]
    assert "Traceback" not in new_lines, new_lines[-4_000:]
    assert '"ping.failed"' not in new_lines
    pingfold.pass_time(pingfold.now)
    check = pingfold.create("unharmed", unique=["name"])
    before = pingfold.check(check)["n_pings"]
    pingfold.good_ping(check)
    assert pingfold.check(check)["n_pings"] == before + 1
    return Counter(status for status, _ in answers)


def _request(method: bytes, target: bytes, headers: bytes = b"", body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return (
        method
        + b" "
        + target
        + b" HTTP/"
        + version
        + b"\r\nHost: x\r\nConnection: close\r\n"
        + headers
        + b"\r\n"
        + body
    )


def ping_targets(key: str, rng: random.Random) -> Iterator[bytes]:
    base = [f"/ping/{UUID}", f"/{UUID}", f"/ping/{key}/slug", f"/{key}/slug", "/ping", "/ping/", "/ping//", "//", "/"]
    ends = [
        "", "/", "//", "/fail", "/start", "/log", "/0", "/255", "/256", "/-1", "/1e3", "/" + "9" * 4_000, "/fail/fail",
        "/%00", "/%ff%fe", "/%", "/%zz", "/..", "/../../etc/passwd", "/%2e%2e%2f", "/;x", "/\\", "/é", "/\u202e",
        "/" + "a" * 30_000, "?create=1&rid=x", "?rid=" + "0" * 20_000, "?" + "&".join("a=b" for _ in range(5_000)),
        "?create=1&create=2", "?create=%31", "?%00=%ff", "?rid=%ff", "?&&==&", "?create", "#fragment",
    ]  # fmt: skip
    for start in base:
        for end in ends:
            yield (start + end).encode()
    for _ in range(200):
        noise = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 60)))
        yield b"/ping/" + noise.replace(b" ", b"").replace(b"\r", b"").replace(b"\n", b"")
        yield b"/" + "".join(f"%{byte:02x}" for byte in noise).encode()


def test_any_ping_url_in_any_verb(pingfold: Pingfold) -> None:
    """Statement 6: paths and queries of any bytes, known and unknown verbs."""
    rng = random.Random(1)
    targets = list(ping_targets(pingfold.credentials.ping_key, rng))
    verbs = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"PROPFIND", b"X"]
    requests = [_request(rng.choice(verbs[:3]), target) for target in targets]
    requests += [_request(verb, target) for verb in verbs for target in rng.sample(targets, 12)]
    statuses = assert_unharmed(pingfold, requests)
    assert statuses[400] > 100
    assert statuses[405] > 0


def test_any_headers_and_bodies_of_pings(pingfold: Pingfold) -> None:
    """Statement 6: headers and bodies of any bytes and size, wrong lengths, broken chunks, requests that are none."""
    rng = random.Random(2)
    check = pingfold.create("hostile-bodies", timeout=86_400)
    path = f"/ping/{check}".encode()
    noise = bytes(rng.randrange(256) for _ in range(2_000))
    chunked = b"Transfer-Encoding: chunked\r\n"
    requests = [
        _request(b"POST", path, b"Content-Length: 5\r\n", b"12345"),
        _request(b"POST", path, b"Content-Length: 2000\r\n", noise),
        _request(b"POST", path, b"Content-Length: 50\r\n", b"too short"),
        _request(b"POST", path, b"Content-Length: 2\r\n", b"too long"),
        _request(b"POST", path, b"Content-Length: -1\r\n", b"x"),
        _request(b"POST", path, b"Content-Length: 99999999999999999999999\r\n", b"x"),
        _request(b"POST", path, b"Content-Length: 1\r\nContent-Length: 2\r\n", b"xy"),
        _request(b"POST", path, b"Content-Length: 5\r\n" + chunked, b"0\r\n\r\n"),
        _request(b"POST", path, chunked, b"5\r\nhello\r\n0\r\n\r\n"),
        _request(b"POST", path, chunked, b"5\r\nhello\r\n"),
        _request(b"POST", path, chunked, b"zz\r\nhello\r\n0\r\n\r\n"),
        _request(b"POST", path, chunked, b"ffffffffffffffff\r\nhello\r\n"),
        _request(b"POST", path, chunked, b"-5\r\nhello\r\n"),
        _request(b"POST", path, chunked, b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n"),
        _request(b"POST", path, chunked, b"10000\r\n" + b"x" * 0x10000 + b"\r\n"),
        _request(b"POST", path, chunked, (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 100 + b"0\r\n\r\n"),
        _request(b"POST", path, b"Content-Length: 8000000\r\n", b"\x00" * 8_000_000),
        _request(b"POST", path, b"Content-Encoding: gzip\r\nContent-Length: 3\r\n", b"\x1f\x8b\x00"),
        _request(b"POST", path, b"Content-Length: 6\r\nExpect: 100-continue\r\n", b"123456"),
        _request(b"POST", path, b"Content-Length: 6\r\nExpect: the unexpected\r\n", b"123456"),
        _request(b"GET", path, b"User-Agent: \xff\xfe\x80\r\n"),
        _request(b"GET", path, b"User-Agent: " + b"u" * 60_000 + b"\r\n"),
        _request(b"GET", path, b"X-Forwarded-For: " + b"1.2.3.4, " * 1_000 + b"\r\n"),
        _request(b"GET", path, b"X-Forwarded-For: not an address\r\nX-Forwarded-Proto: \xff\r\n"),
        _request(b"GET", path, b"X-Forwarded-For: ::1%eth0\r\nX-Forwarded-Proto: " + b"p" * 5_000 + b"\r\n"),
        _request(b"GET", path, b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(2_000))),
        _request(b"GET", path, b"X: " + b"x" * 1_000_000 + b"\r\n"),
        _request(b"GET", path, b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n"),
        _request(b"GET", path, b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
        _request(b"GET", path, version=b"1.0"),
        _request(b"GET", path, version=b"2.0"),
        _request(b"GET", path, version=b"9.9"),
        _request(b"GET", b"http://elsewhere.example" + path),
        b"GET " + path + b"\r\n\r\n",
        b"GET " + path + b" HTTP/1.1\r\n\r\n",
        b"GET  " + path + b"  HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise[:200],
        noise,
        b"\r\n" * 50_000,
        b"A" * 1_000_000,
        b"",
        b"\x00",
        *(noise[start : start + 50] + b"\r\n\r\n" for start in range(0, 2_000, 50)),
    ]
    assert_unharmed(pingfold, requests)
    shown = pingfold.check(check)
    assert shown["n_pings"] == len(pingfold.pings(check)) > 10


def api_bodies() -> list[Any]:
    deep: Any = "x"
    for _ in range(400):
        deep = {"channels": [deep]}
    values = [None, True, 0, -1, 2**63, 2**200, 1.5, "", "x", "é\u0000\ud800", "x" * 5_000, [], [None], {}, deep]
    names = [
        "name", "slug", "tags", "desc", "timeout", "grace", "schedule", "tz", "channels", "unique", "methods",
        "manual_resume", "start_kw", "filter_body", "api_key", "late_limit", "run_limit", "kind", "url", "events",
        "secret", "on_every_check",
    ]  # fmt: skip
    return [{name: value} for name in names for value in values] + values


def test_any_request_to_the_api(pingfold: Pingfold) -> None:
    """Statement 6: the REST API with any verb, path, key, body and type of value."""
    rng = random.Random(3)
    known = pingfold.create("hostile-api", timeout=86_400)
    key = f"X-Api-Key: {pingfold.credentials.healthchecks_key}\r\n".encode()
    paths = [
        f"/api/v{version}/{path}".encode()
        for version in ("1", "3", "9")
        for path in (
            "checks/", "checks", f"checks/{known}", f"checks/{UUID}", "checks/" + "0" * 40, "checks/%ff", "checks/%00",
            f"checks/{known}/pause", f"checks/{known}/resume", f"checks/{known}/pings/", f"checks/{known}/flips/",
            f"checks/{known}/pings/1/body", f"checks/{known}/pings/{'9' * 400}/body", f"checks/{known}/pings/x/body",
            f"checks/{known}/flips/?start=x", f"checks/{known}/flips/?seconds={'9' * 400}", "checks/?slug=%ff&tag=%00",
            "channels/", "channels/x", "nothing", "../checks/", "checks/" + "a" * 9_000,
        )
    ]  # fmt: skip
    verbs = [b"GET", b"POST", b"DELETE", b"PUT", b"PATCH", b"HEAD", b"OPTIONS", b"TRACE", b"X"]
    # What would remove or change the one check that others are about is left to the bodies below.
    requests = [
        _request(verb, path, key)
        for verb in verbs
        for path in paths
        if not (verb == b"DELETE" and known.encode() in path)
    ]
    keys = [b"", b"X-Api-Key: \xff\r\n", b"X-Api-Key: " + b"k" * 32 + b"\r\n", b"X-Api-Key: " + b"k" * 50_000 + b"\r\n"]
    requests += [_request(b"GET", path, wrong) for wrong in keys for path in rng.sample(paths, 5)]
    for body in api_bodies():
        encoded = json.dumps(body).encode()
        length = b"Content-Length: %d\r\n" % len(encoded)
        target = rng.choice([b"/api/v3/checks/", f"/api/v3/checks/{known}".encode(), b"/api/v3/channels/"])
        requests.append(_request(b"POST", target, key + length, encoded))
    raw = [
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"name":"' + b"x" * 2_000_000 + b'"}',
        b'{"a":' * 50_000,
        b"NaN",
        b"1e999",
    ]
    for body in raw:
        length = b"Content-Length: %d\r\n" % len(body)
        requests.append(_request(b"POST", b"/api/v3/checks/", key + length, body))
        requests.append(_request(b"POST", b"/api/v3/checks/", length, body))
    pages = ["/", "/healthz", "/readyz", "/metrics", "/openapi.json", f"/checks/{known}", "/checks/%ff", "/static/../x"]
    requests += [_request(verb, page.encode(), key) for verb in verbs for page in pages]
    statuses = assert_unharmed(pingfold, requests)
    assert statuses[400] > 50
    assert pingfold.check(known)["uuid"] == known


def test_schedules_from_everywhere(pingfold: Pingfold) -> None:
    """Statement 6: schedules that never fire, fire every minute for ever, or are nonsense stop nothing."""
    written: dict[str, int] = {
        "* * * * *": 201, "* * * * Sun#5": 201, "0 0 29 2 *": 201, "*-*-* 00:00:00": 201, "*:*:*": 201,
        "1970..2199-02-29": 201, "2024-01-01": 201, "1999-01-01": 400, "@daily": 400,
        "0 0 31 2 *": 400, "*-02-30": 400, "61 * * * *": 400, "* * * *": 400, "* * * * * *": 400, "": 400, " ": 400,
        "\u0000": 400, "\n\n": 400, "9" * 5_000: 400, "* * * * " + "1," * 5_000 + "1": 400,
        "*-*-* *:*:*/0": 400, "0/0 * * * *": 400,
    }  # fmt: skip
    made = []
    for expression, status in written.items():
        answer = pingfold.api("POST", "/checks/", {"name": "odd", "schedule": expression, "tz": "Africa/Casablanca"})
        assert answer.status_code == status, (expression, answer.text)
        if status == 201:
            made.append(answer.json()["uuid"])
    for zone in ("Nowhere/City", "", "../../etc/passwd", "\u0000", "UTC" * 1_000, 7):
        answer = pingfold.api("POST", "/checks/", {"name": "odd", "schedule": "* * * * *", "tz": zone})
        assert answer.status_code == 400, (zone, answer.text)
    for check in made:
        pingfold.good_ping(check)
    pingfold.advance(40 * 86_400)
    assert {pingfold.status(check) for check in made} <= {"down", "up", "grace"}
    assert pingfold.status(made[0]) == "down"
    for check in made:
        assert pingfold.api("DELETE", f"/checks/{check}").status_code == 200
