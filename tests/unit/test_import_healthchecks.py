"""Another Healthchecks: what is read of its answers, whatever they are, and what its server may do."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pingfold.imports import healthchecks_server
from pingfold.imports.healthchecks import read_channels, read_checks
from pingfold.imports.healthchecks_server import HealthchecksServer
from pingfold.imports.things import Found, NotReadable, WantedChannel
from query_api.healthchecks.fields import read

UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
CHECK = {
    "name": "Backup",
    "slug": "backup",
    "tags": "db prod",
    "desc": "",
    "grace": 600,
    "status": "paused",
    "methods": "POST",
    "uuid": UUID.upper(),
    "channels": "c1,c2",
    "schedule": "0 2 * * *",
    "tz": "Europe/Riga",
    "unknown": 1,
}


def test_a_check_is_told_whole() -> None:
    [check] = read_checks({"checks": [CHECK]}, {"c1": "Ops", "c2": "Mail"}, True).checks
    assert (check.name, check.slug, check.uuid, check.paused) == ("Backup", "backup", UUID, True)
    assert check.channels == ("Ops", "Mail")
    assert check.fields == {
        "name": "Backup",
        "tags": "db prod",
        "desc": "",
        "grace": 600,
        "schedule": "0 2 * * *",
        "tz": "Europe/Riga",
        "methods": "POST",
    }


@pytest.mark.parametrize(
    ("change", "what", "why"),
    [
        ({"schedule": "soon"}, '"Backup"', "without its schedule"),
        ({"schedule": "@daily"}, '"Backup"', "without its schedule"),
        ({"grace": 5}, '"Backup" grace', "grace is too small"),
        ({"slug": "Näh"}, '"Backup" slug', "slug does not match pattern"),
        ({"tags": "x" * 501}, '"Backup" tags', "tags is too long"),
        ({"channels": "c9"}, '"Backup" channels', "c9 is not in the list of channels there"),
    ],
)
def test_what_breaks_a_rule_is_told(change: dict[str, Any], what: str, why: str) -> None:
    found = read_checks({"checks": [CHECK | change]}, {"c1": "Ops", "c2": "Mail"}, False)
    assert (what, True) in [(left.what, why in left.why) for left in found.left]


def test_a_key_that_may_only_read_cannot_keep_uuids() -> None:
    secret = {name: value for name, value in CHECK.items() if name not in ("uuid", "channels")}
    with pytest.raises(NotReadable, match="give a read-write key"):
        read_checks({"checks": [secret]}, {}, True)
    [check] = read_checks({"checks": [secret]}, {}, False).checks
    assert (check.uuid, check.channels) == (None, None)


def test_an_old_version_has_only_the_subjects() -> None:
    [check] = read_checks({"checks": [CHECK | {"subject": "OK", "subject_fail": ""}]}, {}, False).checks
    assert (check.fields["success_kw"], check.fields["filter_subject"]) == ("OK", True)


def test_channels_are_found_by_their_names_and_made_where_they_are_told() -> None:
    found = Found()
    told = [
        {"id": "c1", "kind": "slack", "name": "Ops"},
        {"id": "c2", "kind": "email", "name": ""},
        {"id": "c3", "kind": "webhook", "name": "Hook", "url": "https://hook.invalid/", "events": ["monitor.down"]},
        {"id": "c4", "kind": "trello", "name": "a,b"},
        {"id": "c5", "kind": "slack", "name": "There"},
    ]
    names = read_channels({"channels": told}, {"There": "slack"}, found)
    assert names == {"c1": "Ops", "c2": "email", "c3": "Hook", "c4": "a b", "c5": "There"}
    assert found.channels == [
        WantedChannel("channel 3", "Hook", "webhook", {"url": "https://hook.invalid/", "events": ["monitor.down"]})
    ]
    assert [left.place for left in found.left] == ["channel 1", "channel 2", "channel 4"]
    assert "pingfold channel create slack ... --name 'Ops'" in found.left[0].why
    assert "no such kind" in found.left[2].why


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*CHECK, "timeout", "late_limit"]), _json | st.sampled_from([*CHECK.values()])))
def test_whatever_a_check_holds_the_api_takes_what_is_carried_over(fields: dict[str, Any]) -> None:
    for told in ({"checks": [CHECK | fields]}, {"checks": [fields]}, fields):
        try:
            found = read_checks(told, {"c1": "Ops"}, False)
        except NotReadable:
            continue
        assert len(found.checks) + len(found.left) > 0
        for check in found.checks:
            assert read(check.fields) == check.fields
            json.dumps(check.fields)


@given(_json)
def test_whatever_channels_are_they_are_read_or_refused(told: Any) -> None:
    for channels in (told, {"channels": told}, {"channels": [{"id": "a", "kind": told, "name": told}]}):
        try:
            names = read_channels(channels, {}, Found())
        except NotReadable:
            continue
        assert all(name and "," not in name for name in names.values())


# ---- its server


class Server:
    """A server on loopback that answers as it is told. asked: the paths."""

    def __init__(self) -> None:
        self.answer: Callable[[http.server.BaseHTTPRequestHandler], None] = lambda _: None
        self.asked: list[tuple[str, str | None]] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.path, self.headers["X-Api-Key"]))
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def says(self, status: int, body: bytes = b"", **headers: str) -> None:
        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

        self.answer = answer

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


def test_the_newest_version_that_is_there_is_asked(server: Server) -> None:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        server.says(404 if handler.path.startswith("/hc/api/v3/") else 200, b'{"checks": []}')
        server.answer, says = answer, server.answer
        says(handler)

    server.answer = answer
    reader = HealthchecksServer(f"{server.url}/hc/api/v3/", "secret")
    assert reader.checks() == {"checks": []}
    reader.channels()
    assert server.asked == [
        ("/hc/api/v3/checks/", "secret"),
        ("/hc/api/v2/checks/", "secret"),
        ("/hc/api/v2/channels/?details=1", "secret"),
    ]


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (301, b"", {"Location": "https://other.invalid/"}, "leads to https://other.invalid/: give that address"),
        (401, b"", {}, "the key is not an API key"),
        (404, b"", {}, "has no Management API"),
        (429, b"", {}, "wait a minute"),
        (503, b"", {}, "has trouble; try again later"),
        (204, b"", {}, "is not the Management API"),
        (200, b"<html>", {}, "answers no JSON"),
        (200, b"[" * 100_000, {}, "answers no JSON"),
        (200, b"\xff\xfe", {}, "answers no JSON"),
        (200, b"x" * 99, {"Content-Encoding": "gzip"}, "cannot be read"),
        (200, b"x" * 4_000, {}, "answers more than 0 MB"),
    ],
)
def test_what_a_server_may_do(
    server: Server, status: int, body: bytes, headers: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if len(body) == 4_000:
        monkeypatch.setattr(healthchecks_server, "MOST_BYTES", 3_000)
    server.says(status, body, **headers)
    with pytest.raises(NotReadable) as refused:
        HealthchecksServer(server.url, "secret").checks()
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


def _wait(gone: threading.Event) -> None:
    gone.wait(10)


def test_a_slow_server_is_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthchecks_server, "SILENT_SECONDS", 0.1)
    gone = threading.Event()
    server.answer = lambda _: _wait(gone)
    with pytest.raises(NotReadable, match="does not answer within"):
        HealthchecksServer(server.url, "secret").checks()
    gone.set()
    server.says(200, b" " * 200_000)
    ticks = iter([0.0, 1e9, 2e9])
    with pytest.raises(NotReadable, match="has not answered all within"):
        HealthchecksServer(server.url, "secret", lambda: next(ticks, time.monotonic() + 3e9)).checks()


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://key@x.invalid", "http://[", "http://x:port"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(NotReadable):
        HealthchecksServer(url, "secret")


def test_nobody_there() -> None:
    with pytest.raises(NotReadable, match="cannot be read"):
        HealthchecksServer("http://127.0.0.1:1", "secret").checks()
