"""When a prober finds that the network of its own region is out."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.prober.region_watch import FEWEST, MOST_HOSTS, SPAN, RegionWatch


def watch(*failing: bool, at: float = 0.0) -> RegionWatch:
    """Each result is of a host of its own."""
    made = RegionWatch()
    for n, one in enumerate(failing):
        made.saw(f"h{n}", "", one, at)
    return made


def test_most_hosts_fail_at_once() -> None:
    assert watch(*[True] * 4).troubled is False
    assert watch(*[True] * 5).troubled is True
    assert watch(*[False] * 2, *[True] * 7).troubled is False
    assert watch(*[False] * 2, *[True] * 8).troubled is True
    assert watch(*[False] * 50).troubled is False


def test_it_is_over_when_less_than_half_of_them_fail() -> None:
    here = watch(*[True] * 10)
    for n in range(5):
        here.saw(f"h{n}", "", False, 1.0)
    assert (here.troubled, here.failing, here.hosts) == (True, 5, 10)
    here.saw("h5", "", False, 1.0)
    assert (here.troubled, here.failing, here.hosts) == (False, 4, 10)


def test_what_is_old_says_nothing() -> None:
    here = watch(*[True] * 4)
    here.saw("late", "", True, SPAN + 1)
    assert here.troubled is False
    here = watch(*[True] * 5)
    here.look(SPAN)
    assert here.troubled is True
    here.look(SPAN + 1)
    assert (here.troubled, here.hosts) == (False, 0)


def test_of_a_host_the_newest_result_counts() -> None:
    here = RegionWatch()
    for _ in range(50):
        here.saw("one", "", True, 0.0)
    assert here.troubled is False
    here = watch(*[True] * 4, False)
    here.saw("h4", "", True, 1.0)
    assert here.troubled is True


def test_hosts_at_one_address_are_one_also_when_their_names_are_gone() -> None:
    here = RegionWatch()
    for n in range(10):
        here.saw(f"h{n}", "192.0.2.1", False, 0.0)
    for n in range(10):
        here.saw(f"h{n}", "192.0.2.1" if n % 2 else "", True, 1.0)
    assert (here.troubled, here.hosts) == (False, 1)


def test_a_host_at_many_addresses_is_one() -> None:
    here = RegionWatch()
    for n in range(20):
        here.saw("one", f"192.0.2.{n}", True, 0.0)
    assert (here.troubled, here.hosts) == (False, 1)


def test_a_busy_prober_knows_at_once() -> None:
    here = watch(*[False] * 1_000)
    n = 0
    while not here.troubled:
        here.saw(f"n{n}", "", True, 0.1)
        n += 1
    assert n < MOST_HOSTS


seen = st.tuples(st.integers(0, 40), st.integers(0, 12), st.booleans(), st.sampled_from([0.0, 0.1, 5.0, 40.0]))


@given(st.lists(seen, max_size=200))
def test_the_verdict_is_that_of_the_results_that_count(course: list[tuple[int, int, bool, float]]) -> None:
    """Against the definition, reckoned anew from all results: address 0 is none."""
    here, now, troubled = RegionWatch(), 0.0, False
    results: list[tuple[float, str, str, bool]] = []
    addresses: dict[str, str] = {}
    for number, address, failing, wait in course:
        now += wait
        host = f"h{number}"
        if address:
            addresses[host] = f"192.0.2.{address}"
        results.append((now, host, addresses.get(host, host), failing))
        here.saw(host, f"192.0.2.{address}" if address else "", failing, now)
        newest = {host: (when, place, bad) for when, host, place, bad in results}
        order = sorted(newest, key=lambda one: max(n for n, result in enumerate(results) if result[1] == one))
        counting = [newest[one] for one in order[-MOST_HOSTS:] if newest[one][0] >= now - SPAN]
        places = {place: bad for _, place, bad in counting}
        bad = sum(places.values())
        if troubled:
            troubled = bool(places) and 2 * bad >= len(places)
        else:
            troubled = len(places) >= FEWEST and 5 * bad >= 4 * len(places)
        if here.troubled is not troubled:  # it may have been looked at only now
            here.look(now)
        assert here.troubled is troubled
