"""What limits pings: their rate, the bytes of a day, and the checks that they make in an hour."""

from schemas.definitions import Check
from tests.memory_log import add
from tests.ping_world import BY_SLUG, BY_UUID, KEY, NOON, PROJECT, SLUG, UUID, World


async def test_the_rate_limit_is_per_check_and_slides() -> None:
    world = World()
    for _ in range(5):
        assert (await world.ask(BY_UUID)).line == "200 OK"
        world.clock.time += 10_000_000
    for url, line in [
        (BY_UUID, "200 OK (rate limited)"),
        (BY_SLUG, "429 rate limit exceeded"),
        (f"{BY_UUID}/log", "200 OK"),
    ]:
        assert (await world.ask(url)).line == line
    assert (await world.ask("/00000001-0000-4000-8000-000000000000")).line == "200 OK"
    world.clock.time += 10_000_000  # the first is 60 s old
    assert (await world.ask(BY_SLUG)).line == "200 OK"
    assert (await world.ask(BY_SLUG)).line == "429 rate limit exceeded"
    assert [key for key, ping in world.sink.pings if ping.kind != "log"].count(UUID) == 6


async def test_log_signals_have_a_limit_of_their_own() -> None:
    world = World(pings_per_minute=1, logs_per_minute=2)
    assert [(await world.ask(f"{BY_UUID}/log")).line for _ in range(3)] == ["200 OK", "200 OK", "200 OK (rate limited)"]
    assert (await world.ask(f"{BY_SLUG}/log")).line == "429 rate limit exceeded"
    assert (await world.ask(BY_UUID)).line == "200 OK"
    world.clock.time += 60_000_000
    assert (await world.ask(f"{BY_UUID}/log")).line == "200 OK"


async def test_over_the_bytes_of_a_day_signals_are_kept_without_their_bodies() -> None:
    """What costs disk is refused; what tells how a job is never."""
    world = World(pings_per_minute=0, bytes_per_day=200)  # of which a check may use half
    for body in (b"a" * 60, b"b" * 60, b"c" * 40, b"d"):
        assert (await world.ask(f"{BY_UUID}/fail", "POST", body=body)).line == "200 OK"
    assert (await world.ask(f"{BY_UUID}/log", "POST", body=b"e")).line == "200 OK (rate limited)"
    assert (await world.ask(f"{BY_UUID}/log")).line == "200 OK"
    assert [len(ping.body or "") for _, ping in world.sink.pings] == [60, 0, 40, 0, 0]
    assert [ping.kind for _, ping in world.sink.pings] == ["fail"] * 4 + ["log"]
    world.clock.time += 86_400_000_000
    assert (await world.ask(f"{BY_UUID}/log", "POST", body=b"f")).line == "200 OK"
    assert world.sink.pings[-1][1].body == "f"


async def test_a_check_leaves_half_of_the_day_to_the_others_of_its_project() -> None:
    """Its ping URL may have leaked."""
    world = World(pings_per_minute=0, logs_per_minute=0, bytes_per_day=200)
    other = f"{1:08d}-0000-4000-8000-000000000000"
    for _ in range(5):
        await world.ask(f"{BY_UUID}/log", "POST", body=b"x" * 30)
    for _ in range(5):
        assert (await world.ask(f"/ping/{other}", "POST", body=b"y" * 30)).line == "200 OK"
    assert [len(ping.body or "") for id, ping in world.sink.pings if id == UUID] == [30] * 3
    assert [len(ping.body or "") for id, ping in world.sink.pings if id == other] == [30, 30, 30, 0, 0]


async def test_half_of_the_smallest_quota_is_nothing_not_no_limit() -> None:
    world = World(pings_per_minute=0, bytes_per_day=1)
    for body in (b"a", b"bb"):
        assert (await world.ask(f"{BY_UUID}/fail", "POST", body=body)).line == "200 OK"
    assert [ping.body or "" for _, ping in world.sink.pings] == ["", ""]


async def test_a_body_by_which_a_check_is_judged_is_kept_in_part() -> None:
    world = World(bytes_per_day=2)
    judged = Check(id=UUID, project=PROJECT, version=2, created=0, slug=SLUG, filter_http_body=True, failure_kw="sad")
    add(world.directory, judged)
    assert (await world.ask(BY_UUID, "POST", body=b"so sad" + b"." * 10_000)).line == "200 OK"
    [(_, ping)] = world.sink.pings
    assert ping.body == "so sad" + "." * 2_042


async def test_pings_make_so_many_checks_an_hour() -> None:
    world = World(new_checks_per_hour=2)
    lines = [(await world.ask(f"/{KEY}/new-{number}?create=1")).line for number in range(3)]
    assert lines == ["201 Created", "201 Created", "429 too many new checks in this hour"]
    assert (await world.ask(f"/{KEY}/new-1?create=1")).line == "200 OK"
    world.clock.time += 3_600_000_000
    assert (await world.ask(f"/{KEY}/new-3?create=1")).line == "201 Created"


async def test_only_accepted_requests_count() -> None:
    world = World(pings_per_minute=1)
    assert (await world.ask(f"{BY_UUID}?rid=bad")).status == 400
    assert (await world.ask(f"{BY_UUID}/log")).status == 200
    world.sink.fails = lambda record: True
    assert (await world.ask(BY_UUID)).status == 503
    world.sink.fails = lambda record: False
    assert (await world.ask(BY_UUID)).line == "200 OK"
    assert (await world.ask(BY_UUID)).line == "200 OK (rate limited)"


async def test_no_limit_and_bounded_memory() -> None:
    world = World(pings_per_minute=0)
    assert {(await world.ask(BY_UUID)).line for _ in range(50)} == {"200 OK"}
    limiter = World(pings_per_minute=5).app._recorder._limiter
    for number in range(10_000):
        assert limiter.admit(f"check {number}", NOON + number * 1_000_000)
        assert len(limiter) <= 121
    assert limiter.admit("check 9999", NOON - 3_600_000_000)  # the clock was set back
    assert limiter.admit("check 9999", NOON + 1)
