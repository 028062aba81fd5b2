"""When the prober tests certificates, and which of its regions does."""

from schemas.base import SECOND, encode
from schemas.certificates import RETRY
from schemas.monitor_states import Validity
from schemas.monitors import ProbeTarget
from schemas.probes import CertificateTested
from tests.driven_prober import THERE, World, events, running, world
from tests.ping_world import NOON
from tests.prober_monitors import HERE, monitor

SECURE = ProbeTarget(url="https://10.0.0.1/")  # refused at once: no certificate is shown


def certificates_in(here: World) -> list[CertificateTested]:
    return [event for _, event in events(here) if isinstance(event, CertificateTested)]


async def test_a_certificate_is_tested_when_it_is_due_and_by_the_region_whose_turn_it_is() -> None:
    begun = NOON + 5 * SECOND
    for regions, first in (((HERE, THERE), begun), ((THERE, HERE), begun + RETRY)):
        one = monitor(target=SECURE, probed_from=regions, interval=3_600)
        async with world(one, running(begun=begun)) as here:
            await here.at(begun - SECOND)
            assert certificates_in(here) == []
            for moment in (begun, begun + SECOND, begun + RETRY, begun + RETRY + SECOND):
                await here.at(moment)
            [tested] = certificates_in(here)
            assert (tested.slot, tested.region, tested.valid, tested.version) == (first, HERE, None, 1)
            assert tested.error
            await here.at(first + 2 * RETRY)  # nobody has folded it
            assert [each.slot for each in certificates_in(here)] == [first, first + 2 * RETRY]


async def test_the_state_makes_the_next_test_due() -> None:
    begun = NOON + 5 * SECOND
    one = monitor(target=SECURE, interval=3_600)
    async with world(one, running(begun=begun)) as here:
        await here.at(begun)
        assert len(certificates_in(here)) == 1
        due = begun + 3 * RETRY
        here.prober.heard(0, [("validity/m", encode(Validity(due=due, turn=1)))])
        await here.between(begun, due, 60 * SECOND)
        assert len(certificates_in(here)) == 1
        await here.at(due)
        assert [each.slot for each in certificates_in(here)] == [begun, due]
        here.prober.heard(0, [("validity/m", encode(Validity(due=due + RETRY, turn=2)))])
        here.hear(monitor(target=SECURE, interval=3_600, paused=True, version=2))
        await here.at(due + RETRY)
        assert len(certificates_in(here)) == 2
        here.hear(monitor(target=SECURE, interval=3_600, version=3), running(begun=due + 2 * RETRY, version=3))
        here.prober.heard(0, [("validity/m", None)])
        await here.at(due + 2 * RETRY)
        assert [each.slot for each in certificates_in(here)][2:] == [due + 2 * RETRY]


async def test_a_prober_that_starts_does_not_test_every_certificate_at_once() -> None:
    begun = NOON - 10_000 * SECOND
    async with world(monitor(target=SECURE, interval=3_600), running(begun=begun)) as here:
        await here.at(NOON)
        assert certificates_in(here) == []
        await here.between(NOON, NOON + RETRY + 30 * SECOND, 30 * SECOND)
        assert [(each.slot - begun) % RETRY for each in certificates_in(here)] == [0]


async def test_no_certificate_is_tested_without_room_or_with_a_wrong_clock() -> None:
    begun = NOON + 5 * SECOND
    one = monitor(target=SECURE, interval=3_600)
    async with world(one, running(begun=begun)) as here:
        here.sink.skew = 11 * SECOND
        await here.at(begun)
        assert certificates_in(here) == []
        here.sink.skew = None
        await here.at(begun + RETRY)
        assert len(certificates_in(here)) == 1
    async with world(one, running(begun=begun), most=0) as here:
        await here.at(begun)
        assert certificates_in(here) == []


async def test_what_shows_no_certificate_is_not_tested() -> None:
    async with world(monitor(), running(begun=NOON)) as here:
        await here.at(NOON)
        assert certificates_in(here) == []
