"""The Management API as a table: each endpoint of Healthchecks, in each version, with each kind of key, in each case.

`RO`: a read-only key suffices. `RW`: it takes one that writes. `OPEN`: nobody needs one.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.harness import OTHER_KEY, READ_KEY, WRITE_KEY, Harness

VERSIONS = (1, 2, 3)
VERBS = ("GET", "POST", "DELETE", "PUT", "PATCH")
UNKNOWN = "00000000-0000-4000-8000-000000000000"
UNKNOWN_UNIQUE = "0" * 40

RO, RW, OPEN = "RO", "RW", "OPEN"


class Endpoint(NamedTuple):
    """A row. key: what it takes. status: of a success. top: the keys of the object that it answers, None: no object."""

    verb: str
    path: str
    key: str
    status: int
    top: set[str] | None


UNIQUE_KEYED = {"name", "unique_key", "slug"}
WHOLE = {"name", "uuid", "slug"}
ENDPOINTS = (
    Endpoint("GET", "checks/", RO, 200, {"checks"}),
    Endpoint("POST", "checks/", RW, 201, WHOLE),
    Endpoint("GET", "checks/{uuid}", RO, 200, {"name", "slug"}),
    Endpoint("POST", "checks/{uuid}", RW, 200, WHOLE),
    Endpoint("GET", "checks/{unique_key}", RO, 200, {"name", "slug"}),
    Endpoint("POST", "checks/{uuid}/pause", RW, 200, WHOLE),
    Endpoint("POST", "checks/{uuid}/resume", RW, 200, WHOLE),
    Endpoint("GET", "checks/{uuid}/pings/", RW, 200, {"pings"}),
    Endpoint("GET", "checks/{uuid}/pings/1/body", RW, 200, None),
    Endpoint("GET", "checks/{uuid}/flips/", RO, 200, {"flips"}),
    Endpoint("GET", "checks/{unique_key}/flips/", RO, 200, {"flips"}),
    Endpoint("GET", "channels/", RW, 200, {"channels"}),
    Endpoint("GET", "badges/", RO, 200, {"badges"}),
    Endpoint("GET", "status/", OPEN, 200, None),
    Endpoint("DELETE", "checks/{uuid}", RW, 200, WHOLE),
)
# What else the paths take: additions of Pingfold's own.
OWN = {"channels/": {"POST"}}

READ_ONLY_FIELDS = {
    "name", "slug", "tags", "desc", "grace", "n_pings", "status", "started", "last_ping", "next_ping", "manual_resume",
    "methods", "subject", "subject_fail", "start_kw", "success_kw", "failure_kw", "filter_subject", "filter_body",
    "filter_http_body", "filter_default_fail", "badge_url", "unique_key",
}  # fmt: skip
WRITE_FIELDS = READ_ONLY_FIELDS - {"unique_key"} | {
    "uuid", "ping_url", "update_url", "pause_url", "resume_url", "channels",
}  # fmt: skip
OURS = {"last_success", "last_exitstatus", "late_limit", "run_limit", "not_observed", "mute_until"}


class Desk:
    """A project with a check that was pinged, and how the API of one version is asked about it."""

    def __init__(self, version: int) -> None:
        self.harness, self.version = Harness(), version
        self.ids: dict[str, str] = {}

    async def begin(self) -> "Desk":
        made = await self.ask("POST", "checks/", WRITE_KEY, {"name": "Backup", "slug": "backup", "tags": "prod db"})
        id = made.json()["uuid"]
        self.harness.log.ping(id, body="text")
        [listed] = (await self.ask("GET", "checks/", READ_KEY)).json()["checks"]
        self.ids = {"uuid": id, "unique_key": listed["unique_key"]}
        return self

    async def ask(self, verb: str, path: str, key: str | None, body: Any = None, **other: str) -> httpx.Response:
        url = f"/api/v{self.version}/{path.format(**self.ids | other)}"
        client = self.harness.client
        request = client.build_request(verb, url, json=body)
        if key is None:
            del request.headers["X-Api-Key"]
        else:
            request.headers["X-Api-Key"] = key
        answer = await client.send(request)
        assert answer.headers["Access-Control-Allow-Origin"] == "*", (verb, url)
        assert answer.headers["Access-Control-Max-Age"] == "600"
        assert "X-Api-Key" in answer.headers["Access-Control-Allow-Headers"]
        return answer


@pytest.fixture(params=VERSIONS, ids=lambda version: f"v{version}")
async def desk(request: pytest.FixtureRequest) -> Desk:
    return await Desk(request.param).begin()


def error(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json() if answer.content else None


def told(text: str) -> dict[str, str]:
    return {"error": text}


async def test_every_endpoint_answers_who_has_the_key(desk: Desk) -> None:
    for verb, path, key, status, top in ENDPOINTS:
        at = f"{verb} {path}"
        missing, wrong = told("missing api key"), told("wrong api key")
        if key == OPEN:
            assert (await desk.ask(verb, path, None)).text == "OK", at
            continue
        for shown, expected in ((None, missing), ("", missing), ("x" * 31, missing), ("hcw_" + "x" * 28, wrong)):
            assert error(await desk.ask(verb, path, shown)) == (401, expected), at
        if key == RW:
            assert error(await desk.ask(verb, path, READ_KEY)) == (401, wrong), at
        else:
            read = await desk.ask(verb, path, READ_KEY)
            assert read.status_code == status, at
            assert top is not None
            assert top <= set(read.json()), at
        answer = await desk.ask(verb, path, WRITE_KEY)
        assert answer.status_code == status, at
        if top is None:
            assert (answer.text, answer.headers["content-type"].partition(";")[0]) == ("text", "text/plain"), at
        else:
            assert top <= set(answer.json()), at


async def test_both_spellings_of_a_path_are_answered_alike(desk: Desk) -> None:
    for verb, path, _, status, _ in ENDPOINTS:
        if verb == "GET":
            other = path[:-1] if path.endswith("/") else f"{path}/"
            answers = [await desk.ask(verb, one, WRITE_KEY) for one in (path, other)]
            assert [answer.status_code for answer in answers] == [status, status], path
            assert answers[0].content == answers[1].content


async def test_other_verbs_are_405_and_a_preflight_is_204(desk: Desk) -> None:
    paths: dict[str, set[str]] = {}
    for row in ENDPOINTS:
        paths.setdefault(row.path.replace("{unique_key}", "{uuid}"), set()).add(row.verb)
    for path, verbs in paths.items():
        allowed = verbs | OWN.get(path, set())
        for verb in set(VERBS) - allowed:
            answer = await desk.ask(verb, path, WRITE_KEY)
            assert (answer.status_code, answer.content) == (405, b""), (verb, path)
        preflight = await desk.ask("OPTIONS", path, None)
        assert (preflight.status_code, preflight.content) == (204, b""), path
        methods = {name.strip() for name in preflight.headers["Access-Control-Allow-Methods"].split(",")}
        assert methods == allowed | {"OPTIONS"}, path


def of_a_check() -> Iterator[Endpoint]:
    return (row for row in ENDPOINTS if "{" in row.path)


async def test_checks_of_others_and_checks_that_are_not_there(desk: Desk) -> None:
    for row in of_a_check():
        at = f"{row.verb} {row.path}"
        by_unique = "{unique_key}" in row.path
        # Who knows a unique key of another project knows nothing: it is looked for among their own checks.
        others = await desk.ask(row.verb, row.path, OTHER_KEY)
        assert (others.status_code, others.content) == (404 if by_unique else 403, b""), at
        gone = await desk.ask(row.verb, row.path, WRITE_KEY, uuid=UNKNOWN, unique_key=UNKNOWN_UNIQUE)
        assert error(gone) == (404, None if by_unique else told("not found")), at


async def test_bodies_that_say_nothing(desk: Desk) -> None:
    cases: tuple[tuple[bytes, str], ...] = (
        (b"not json", "could not parse request body"),
        (b"\xff\xfe\xfd", "could not parse request body"),
        (b"[]", "json validation error: value is not an object"),
        (b'"text"', "json validation error: value is not an object"),
        (b"null", "json validation error: value is not an object"),
    )
    for row in ENDPOINTS:
        if row.verb != "POST":
            continue
        url = f"/api/v{desk.version}/{row.path.format(**desk.ids)}"
        for body, expected in cases:
            answer = await desk.harness.client.post(url, content=body)
            assert error(answer) == (400, told(expected)), (row.path, body)
        # An empty body with a type is an empty object.
        empty = await desk.harness.client.post(url, content=b"", headers={"Content-Type": "application/json"})
        assert empty.status_code == row.status, row.path


FIELDS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": 1}, "name is not a string"),
    ({"name": "x" * 101}, "name is too long"),
    ({"slug": "Backup"}, "slug does not match pattern"),
    ({"tags": ["a"]}, "tags is not a string"),
    ({"tags": "x" * 501}, "tags is too long"),
    ({"desc": None}, "desc is not a string"),
    ({"desc": "a\0b"}, "desc has unexpected value"),
    ({"timeout": 59}, "timeout is too small"),
    ({"timeout": True}, "timeout is too small"),
    ({"timeout": 31_536_001}, "timeout is too large"),
    ({"grace": 10**30}, "grace is too large"),
    ({"grace": 60.5}, "grace is not a number"),
    ({"grace": "60"}, "grace is not a number"),
    ({"schedule": ""}, "schedule is not a valid cron or OnCalendar expression"),
    ({"schedule": "* * * * 9"}, "schedule is not a valid cron or OnCalendar expression"),
    ({"schedule": "*" * 101}, "schedule is too long"),
    ({"tz": "Mars/Olympus"}, "tz is not a valid timezone"),
    ({"methods": "GET"}, "methods has unexpected value"),
    ({"manual_resume": 1}, "manual_resume is not a boolean"),
    ({"filter_default_fail": "yes"}, "filter_default_fail is not a boolean"),
    ({"success_kw": "x" * 201}, "success_kw is too long"),
    ({"subject_fail": 7}, "subject_fail is not a string"),
    ({"unique": "name"}, "unique is not an array"),
)


async def test_the_words_for_a_field_that_is_wrong(desk: Desk) -> None:
    for body, words in FIELDS:
        expected = (400, told(f"json validation error: {words}"))
        assert error(await desk.ask("POST", "checks/", WRITE_KEY, body)) == expected, body
        assert error(await desk.ask("POST", "checks/{uuid}", WRITE_KEY, body)) == expected, body
    other = await desk.ask("POST", "checks/", WRITE_KEY, {"unique": ["uuid"]})
    assert error(other) == (400, told("json validation error: an item in 'unique' has unexpected value"))
    for channels, words in (
        ("x", "invalid channel identifier: x"),
        ("x,", "invalid channel identifier: x"),
        (",", "empty channel identifier"),
    ):
        answer = await desk.ask("POST", "checks/", WRITE_KEY, {"channels": channels})
        assert error(answer) == (400, told(words)), channels
    assert len((await desk.ask("GET", "checks/", READ_KEY)).json()["checks"]) == 1, "nothing was made on the way"


async def test_the_fields_of_a_check_by_key_and_schedule(desk: Desk) -> None:
    cron = (await desk.ask("POST", "checks/", WRITE_KEY, {"schedule": "0 2 * * *", "tz": "Europe/Kiev"})).json()
    assert (cron["schedule"], cron["tz"]) == ("0 2 * * *", "Europe/Kyiv")
    assert set(cron) == WRITE_FIELDS | OURS | {"schedule", "tz"}
    whole = (await desk.ask("GET", "checks/{uuid}", WRITE_KEY)).json()
    assert set(whole) == WRITE_FIELDS | OURS | {"timeout"}
    read = (await desk.ask("GET", "checks/{uuid}", READ_KEY)).json()
    assert set(read) == READ_ONLY_FIELDS | OURS | {"timeout"}
    url = f"{desk.harness.settings.base_url}/api/v{desk.version}/checks/{desk.ids['uuid']}"
    assert [whole[name] for name in ("update_url", "pause_url", "resume_url")] == [url, f"{url}/pause", f"{url}/resume"]


async def test_what_differs_between_the_versions(desk: Desk) -> None:
    named = (await desk.ask("POST", "checks/", WRITE_KEY, {"name": "Nightly Job"})).json()
    assert named["slug"] == ("" if desk.version == 3 else "nightly-job")
    both = (await desk.ask("POST", "checks/", WRITE_KEY, {"name": "Nightly Job", "slug": "other"})).json()
    assert both["slug"] == "other"
    renamed = (await desk.ask("POST", "checks/{uuid}", WRITE_KEY, {"name": "New Name"})).json()
    assert renamed["slug"] == ("backup" if desk.version == 3 else "new-name")
    desk.harness.log.ping(desk.ids["uuid"], "start")
    started = (await desk.ask("GET", "checks/{uuid}", READ_KEY)).json()
    assert (started["status"], started["started"]) == ("started" if desk.version == 1 else "up", True)


async def test_filters_of_checks(desk: Desk) -> None:
    desk.harness.log.tick(1)
    await desk.ask("POST", "checks/", WRITE_KEY, {"slug": "web", "tags": "prod production"})
    for query, slugs in (
        ("", ["backup", "web"]),
        ("?tag=prod", ["backup", "web"]),
        ("?tag=prod&tag=db", ["backup"]),
        ("?tag=pro", []),
        ("?slug=web", ["web"]),
        ("?slug=web&tag=db", []),
        ("?slug=", ["backup", "web"]),
        ("?nothing=1", ["backup", "web"]),
    ):
        checks = (await desk.ask("GET", f"checks/{query}", READ_KEY)).json()["checks"]
        assert [check["slug"] for check in checks] == slugs, query


async def test_filters_of_flips(desk: Desk) -> None:
    for query in (
        "seconds=", "seconds=-1", "seconds=31536001", "seconds=x", "start=1.5", "start=10000000001", "end=", "end=a",
    ):  # fmt: skip
        for by in ("{uuid}", "{unique_key}"):
            answer = await desk.ask("GET", f"checks/{by}/flips/?{query}", READ_KEY)
            assert (answer.status_code, answer.content) == (400, b""), query
    [flip] = (await desk.ask("GET", "checks/{uuid}/flips/", READ_KEY)).json()["flips"]
    assert set(flip) == {"timestamp", "up"}
    at = desk.harness.log.time // 1_000_000
    for query, count in ((f"start={at - 60}&end={at + 60}", 1), (f"end={at - 60}", 0), ("seconds=0&start=0", 1)):
        flips = (await desk.ask("GET", f"checks/{{uuid}}/flips/?{query}", READ_KEY)).json()["flips"]
        assert len(flips) == count, query


async def test_pings_channels_and_the_conflict_of_resume(desk: Desk) -> None:
    [ping] = (await desk.ask("GET", "checks/{uuid}/pings/", WRITE_KEY)).json()["pings"]
    assert set(ping) == {
        "type", "date", "n", "scheme", "remote_addr", "method", "ua", "rid", "body_url", "exitstatus",
    }  # fmt: skip
    assert all(isinstance(ping[name], str) for name in ("scheme", "remote_addr", "method", "ua"))
    assert (ping["type"], ping["n"]) == ("success", 1)
    for n in ("2", "0", "x", "1" * 30):
        assert (await desk.ask("GET", f"checks/{{uuid}}/pings/{n}/body", WRITE_KEY)).status_code == 404, n
    id = desk.harness.make_channel("ops")
    [channel] = json.loads((await desk.ask("GET", "channels/", WRITE_KEY)).text)["channels"]
    assert channel == {"id": id, "name": "ops", "kind": "webhook"}
    conflict = await desk.ask("POST", "checks/{uuid}/resume", WRITE_KEY)
    assert (conflict.status_code, conflict.text) == (409, "check is not paused")
    for _ in range(2):  # pausing twice is no fault
        assert (await desk.ask("POST", "checks/{uuid}/pause", WRITE_KEY)).json()["status"] == "paused"
    resumed = (await desk.ask("POST", "checks/{uuid}/resume", WRITE_KEY)).json()
    assert (resumed["status"], resumed["last_ping"]) == ("new", None)


async def test_status_tells_when_the_log_does_not_answer(desk: Desk) -> None:
    desk.harness.log.broken = True
    answer = await desk.ask("GET", "status/", None)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
