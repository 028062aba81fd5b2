"""Ping URLs (docs/compatibility/pinging.md, "URLs")."""

import pytest

from ingest.ping.urls import PingTarget, is_ping, parse

UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
KEY = "fqOOd6-F4MMNuCEnzTU01w"
RID = "123e4567-e89b-12d3-a456-426614174000"

SIGNALS: list[tuple[str, str, int | None]] = [
    ("", "success", None),
    ("/start", "start", None),
    ("/fail", "fail", None),
    ("/log", "log", None),
    ("/0", "success", 0),
    ("/1", "fail", 1),
    ("/255", "fail", 255),
    ("/007", "fail", 7),
    ("/000", "success", 0),
    ("/" + "0" * 5000 + "3", "fail", 3),
]


@pytest.mark.parametrize("prefix", ["", "/ping"])
@pytest.mark.parametrize(("tail", "kind", "status"), SIGNALS)
def test_every_signal_by_both_addresses_under_both_prefixes(
    prefix: str, tail: str, kind: str, status: int | None
) -> None:
    assert parse(f"{prefix}/{UUID}{tail}") == PingTarget(kind, UUID, exitstatus=status)  # type: ignore[arg-type]
    assert parse(f"{prefix}/{KEY}/database-backup{tail}") == PingTarget(
        kind,  # type: ignore[arg-type]
        ping_key=KEY,
        slug="database-backup",
        exitstatus=status,
    )


@pytest.mark.parametrize(
    ("path", "slug"),
    [(f"/{KEY}/start", "start"), (f"/{KEY}/log", "log"), (f"/{KEY}/42", "42"), (f"/{KEY}/-", "-"),
     (f"/{KEY}/_-_", "_-_"), (f"/{KEY}/{UUID}", UUID), (f"/ping/{KEY}/{'a' * 100}", "a" * 100),
     (f"/ping/{KEY}/ping", "ping")],
)  # fmt: skip
def test_any_slug_is_a_slug(path: str, slug: str) -> None:
    assert parse(path) == PingTarget("success", ping_key=KEY, slug=slug)


@pytest.mark.parametrize("action", ["abc", "-1", "success", UUID])
def test_a_uuid_is_a_legal_ping_key(action: str) -> None:
    assert parse(f"/ping/{UUID}/{action}") == PingTarget("success", ping_key=UUID, slug=action)


@pytest.mark.parametrize(
    "path",
    [f"/{UUID}/", f"//{UUID}", f"/ping//{UUID}", f"/ping/{UUID}//", f"/ping/{UUID.upper()}", f"/{UUID.upper()}/"],
)
def test_harmless_spellings_of_a_uuid_url(path: str) -> None:
    assert parse(path) == PingTarget("success", UUID)


@pytest.mark.parametrize("path", [f"/{UUID.upper()}/start", f"/{UUID}//start", f"/{UUID}/start/"])
def test_harmless_spellings_of_a_start_url(path: str) -> None:
    assert parse(path) == PingTarget("start", UUID)


@pytest.mark.parametrize("path", [f"/{KEY}/backup/", f"/ping/{KEY}//backup", f"//{KEY}/backup//"])
def test_harmless_spellings_of_a_slug_url(path: str) -> None:
    assert parse(path) == PingTarget("success", ping_key=KEY, slug="backup")


@pytest.mark.parametrize(
    "path",
    ["", "/", "/ping", "/ping/", "/x", f"/{UUID}/START", f"/{UUID}/1.5", f"/{UUID}/fail/x/y", f"/{KEY}/Backup",
     f"/{KEY}/backup/x", f"/{KEY}/backup/-1", f"/{KEY}/backup/START", f"/{KEY}/back up", f"/{KEY}/{'a' * 101}",
     f"/{KEY}/ü", f"/{KEY}/backup/٣", f"/{UUID}\n", f"/{KEY}/backup\n", f"/{UUID}/start\n", f"/{UUID[:-1]}",
     f"/{UUID.replace('-', '')}", f"/{{{UUID}}}", f"/{KEY}/..", "/../..", f"/{KEY}/b\0", "/\udcff/x"],
)  # fmt: skip
def test_what_has_not_the_form(path: str) -> None:
    assert parse(path) is None


@pytest.mark.parametrize("status", ["256", "999", "1000", "9" * 5000])
def test_an_exit_status_out_of_range_is_told_after_the_look_up(status: str) -> None:
    for path in (f"/{UUID}/{status}", f"/{KEY}/backup/{status}"):
        target = parse(path, b"rid=bad")  # the URL is judged before the rid
        assert target is not None
        assert target.fault == "invalid url format"


@pytest.mark.parametrize(
    ("query", "rid"),
    [
        (f"rid={RID}", RID),
        (f"rid={RID.upper()}", RID),
        (f"rid=bad&rid={RID}", RID),  # the last one counts
        ("rid=00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
        ("RID=bad", None),
        ("x=1&&=&y", None),
        (f"rid={RID.replace('-', '%2D')}", RID),
    ],
)
def test_a_good_rid(query: str, rid: str | None) -> None:
    assert parse(f"/{UUID}/start", query.encode()) == PingTarget("start", UUID, rid=rid)


@pytest.mark.parametrize(
    "query",
    ["rid=", "rid", "rid=bad", f"rid={RID}%0A", f"rid={RID}+", f"rid={RID.replace('-', '')}", f"rid={{{RID}}}",
     f"rid=urn:uuid:{RID}", f"rid={RID}&rid=", "rid=%ff%fe", f"rid={RID[:-1]}٣"],
)  # fmt: skip
def test_a_bad_rid(query: str) -> None:
    for path in (f"/{UUID}", f"/{KEY}/backup/log"):
        target = parse(path, query.encode())
        assert target is not None
        assert (target.fault, target.rid) == ("invalid uuid format", None)


@pytest.mark.parametrize(
    ("query", "create"),
    [(b"create=1", True), (b"create=0", False), (b"create=true", False), (b"create=", False), (b"create=01", False),
     (b"Create=1", False), (b"create=1&create=0", False), (b"create=0&create=1", True), (b"", False)],
)  # fmt: skip
def test_only_the_literal_one_creates_and_by_slug_only(query: bytes, create: bool) -> None:
    by_slug, by_uuid = parse(f"/{KEY}/backup", query), parse(f"/{UUID}", query)
    assert by_slug is not None
    assert by_uuid is not None
    assert by_slug.create is create
    assert by_uuid.create is False


@pytest.mark.parametrize(
    "path",
    ["/ping", "/ping/", f"/ping/{UUID}", f"/{UUID}", f"/{KEY}/backup", "/nonsense", f"//{UUID}", "/ping/api", "/%"],
)
def test_paths_of_the_ping_application(path: str) -> None:
    assert is_ping(path)


@pytest.mark.parametrize(
    "path",
    ["", "/", "//", "/api/v3/checks/", "/badge/x", "/b/2/x.svg", "/docs", "/openapi.json", "/metrics", "/healthz",
     "/readyz", f"/checks/{UUID}", "/static/app.js", "/status/main", "/dns/x", "/favicon.ico", "/robots.txt", "/redoc",
     "/assets/x", "//api/v1/checks/", "/recipients/x", "/downtimes/0123456789abcdef01234567"],
)  # fmt: skip
def test_paths_of_the_rest(path: str) -> None:
    assert not is_ping(path)
