"""When control targets show that the network of a prober's own region is out."""

import pytest

from ingest.prober.region.watch import SHORT, RegionWatch

GATEWAY, RESOLVER, OTHER = 0, 1, 2


def watch(*well: int) -> RegionWatch:
    """A gateway, a resolver and one more beyond it; these of them answered at second 0."""
    made = RegionWatch([False, True, True])
    ask(made, 0.0, *well)
    return made


def ask(here: RegionWatch, at: float, *answering: int) -> bool:
    """These answer what is asked at `at`; whether the network is out then."""
    for number in answering:
        here.control_answered(number, at + 0.1)
    here.asked(at)
    return here.out_since is not None


@pytest.mark.parametrize(
    ("well", "answering", "out"),
    [
        ((GATEWAY, RESOLVER, OTHER), (), True),
        ((GATEWAY, RESOLVER, OTHER), (GATEWAY,), True),  # the way out is cut behind it
        ((GATEWAY, RESOLVER, OTHER), (RESOLVER,), False),
        ((GATEWAY, RESOLVER, OTHER), (OTHER,), False),
        ((RESOLVER,), (), True),
        ((RESOLVER,), (GATEWAY,), True),
        ((RESOLVER,), (OTHER,), False),
        ((GATEWAY,), (), True),
        ((GATEWAY,), (GATEWAY,), False),  # nothing beyond it ever answered
        ((), (), False),
        ((), (GATEWAY,), False),
    ],
)
def test_what_control_targets_show(well: tuple[int, ...], answering: tuple[int, ...], out: bool) -> None:
    assert ask(watch(*well), 20.0, *answering) is out


def test_what_has_been_silent_for_long_testifies_to_nothing() -> None:
    here = watch(RESOLVER)
    here.answered(20.5)
    assert not ask(here, 20.0)
    here.answered(SHORT + 1.0)  # meanwhile targets answered
    assert not ask(here, SHORT + 1.0)
    assert not ask(here, SHORT + 30.0)
    assert not here.may_tell(SHORT + 30.0)
    here = watch(GATEWAY, RESOLVER)
    ask(here, 80.0, GATEWAY)
    here.answered(150.0)
    assert not ask(here, 150.0, GATEWAY)
    assert here.out_since is None


def test_without_control_targets_nothing_is_judged() -> None:
    here = RegionWatch()
    assert not here.may_tell(0.0)
    assert not ask(here, 0.0)
    assert not ask(here, 500.0)


def test_they_are_asked_before_anything_is_told_for_the_first_time() -> None:
    here = RegionWatch([True])
    assert here.may_tell(0.0)
    ask(here, 0.0)
    assert not here.may_tell(1.0)


def test_a_target_that_answers_meanwhile_shows_that_the_network_is_there() -> None:
    here = watch(RESOLVER)
    here.answered(20.0)
    assert not ask(here, 20.0)
    assert ask(here, 25.0)


def test_it_ends_as_soon_as_anything_answers() -> None:
    for answers in range(3):
        here = watch(GATEWAY, RESOLVER)
        assert ask(here, 20.0, GATEWAY)
        assert ask(here, 30.0, GATEWAY)
        here.answered(19.9)  # what was answered before it began comes late
        assert here.out_since == 20.0
        if answers == 0:
            here.answered(31.0)
        elif answers == 1:
            assert here.control_answered(RESOLVER, 31.0)
        else:
            assert here.control_answered(OTHER, 31.0)
        assert here.out_since is None


def test_a_near_target_shows_no_way_out() -> None:
    here = watch(GATEWAY, RESOLVER)
    assert not here.answered(20.0, beyond=False)
    assert ask(here, 20.0, GATEWAY)
    assert not here.answered(31.0, beyond=False)
    assert ask(here, 31.5, GATEWAY)
    assert here.answered(32.0)
    assert not ask(here, 31.9, GATEWAY)
    # Where nothing else can be judged by, it shows that the local network is there.
    here = watch(GATEWAY)
    assert ask(here, 20.0)
    assert here.answered(31.0, beyond=False)
    assert here.out_since is None


def test_it_ends_with_the_answer_of_the_gateway_when_that_is_what_it_was_judged_by() -> None:
    here = watch(GATEWAY)
    assert ask(here, 20.0)
    assert here.control_answered(GATEWAY, 21.0)
    assert here.out_since is None


def test_it_lasts_while_nothing_answers_however_long_that_is() -> None:
    """Otherwise a long outage would accuse everybody at its end."""
    here = watch(GATEWAY, RESOLVER)
    assert ask(here, 20.0)
    for at in range(21, 10_000, 10):
        assert ask(here, float(at), GATEWAY)
    assert not ask(here, 10_000.0, RESOLVER)
    # What it was judged by then can be silent again.
    assert ask(here, 10_010.0)


def is_out(here: RegionWatch) -> bool:
    """After a target was silent that was well before."""
    here.was_well()
    return here.out_since is not None


def test_a_network_that_was_never_there_since_the_start_is_out_for_what_was_well_before() -> None:
    for answers in (RESOLVER, OTHER, None):
        here = watch()
        assert not ask(here, 1.0)
        assert is_out(here)
        assert ask(here, 5.0, GATEWAY)
        if answers is None:
            here.answered(6.0)
        else:
            here.control_answered(answers, 6.0)
        assert not is_out(here)  # something has answered, so it is the target


def test_the_gateway_alone_does_not_show_a_way_out_that_was_never_there() -> None:
    assert is_out(watch(GATEWAY))
    only = RegionWatch([False])
    assert not is_out(only)  # it has not been asked yet
    ask(only, 0.0, GATEWAY)
    assert not is_out(only)


def test_time_that_this_process_stood_still_makes_nothing_old() -> None:
    here = watch(RESOLVER)
    here.stood_still(3_600.0)
    assert here.may_tell(3_620.0)
    assert ask(here, 3_620.0)
