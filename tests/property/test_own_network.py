"""Nobody's targets make a region seem out, and a region that is out accuses nobody: the real prober and the real fold
in virtual time, in every installation that hypothesis can think of.
"""

from dataclasses import replace
from typing import Any

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from processors.monitors.fold import Monitors
from schemas.probes import RegionTroubled
from tests.folding import Folding
from tests.prober_world import Plan, World

# What fails is told as it is: to make it smaller would take minutes.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
many = settings(max_examples=30, deadline=None, phases=_PHASES)
some = settings(max_examples=20, deadline=None, phases=_PHASES)

# From here on something happens; before, everything has been seen as it was.
BEGIN = 60.0
GATEWAY, RESOLVER = Plan("gateway"), Plan("resolver")
DEAD = Plan("dead", before="silent")

behaviours = st.sampled_from(["ok", "status", "refused", "slow", "silent", "silent", "no name"])
failing = st.sampled_from(["silent", "refused", "slow", "no name", "status"])
moments = st.floats(BEGIN - 20, BEGIN + 20)


def plans(project: str, at_least: int, at_most: int, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Plan]]:
    """So many monitors of a project; their names spread the slots."""
    one = st.builds(
        Plan,
        name=st.integers(0, 9).map(str),
        project=st.just(project),
        interval=st.sampled_from([5, 10, 30]),
        timeout=st.sampled_from([1, 5, 20]),
        **fixed,
    )
    return st.lists(one, min_size=at_least, max_size=at_most).map(
        lambda some: [replace(plan, name=f"{project} {n} {plan.name}") for n, plan in enumerate(some)]
    )


# Whatever a project can make its targets do, as many as there are.
attackers = plans(
    *("attacker", 1, 12),
    before=behaviours,
    turns=st.lists(st.tuples(moments, behaviours), max_size=4).map(lambda turns: tuple(sorted(turns))),
    confirmations=st.sampled_from([1, 2]),
)
dead_ones = plans("dead", 0, 12, before=st.just("silent"))
one_or_two = st.sampled_from([1, 2])
victims = plans("victim", 1, 3, confirmations=one_or_two)
# What an installation has to judge by, while its network is there. `None`: nothing that ever answers.
controls = st.sampled_from(
    [
        ((False, GATEWAY), (True, RESOLVER)),
        ((False, GATEWAY),),
        ((False, DEAD), (True, RESOLVER)),
        ((False, GATEWAY), (True, DEAD)),
        ((False, DEAD), (True, DEAD)),
        (),
    ]
)
telling = controls.filter(lambda some: any(plan is not DEAD for _, plan in some))


def from_(begin: float, what: str, plan: Plan) -> Plan:
    return replace(plan, turns=(*plan.turns, (begin, what)))


def within(plan: Plan) -> float:
    """In so many seconds at most it must be told that a target is down: slot, time limit, as often as it is to be seen
    with up to 5 s between; the tick.
    """
    return plan.interval + plan.confirmations * (plan.timeout + 5.0 + 1.0) + 2.0


@many
@given(victims, attackers, controls, failing, st.booleans())
def test_no_targets_of_a_project_hide_or_delay_an_outage_of_anothers(
    victims: list[Plan], attackers: list[Plan], controls: tuple[tuple[bool, Plan], ...], how: str, all_at_once: bool
) -> None:
    victims = [from_(BEGIN, how, plan) for plan in victims]
    if all_at_once:  # it knows when, and lets all of its own fall silent
        attackers = [from_(BEGIN, "silent", plan) for plan in attackers]
    alone = World(victims, controls).run(BEGIN + 100).went("down")
    beside = World([*victims, *attackers], controls).run(BEGIN + 100)
    down = beside.went("down")
    for plan in victims:
        since, detected = down[plan.name]
        assert abs(since - alone[plan.name][0]) < 0.1
        # A question about the network is asked at most twice a second, whoever it is asked for.
        assert detected - alone[plan.name][1] <= 1.0 + plan.confirmations
        assert detected <= BEGIN + within(plan)
    assert of_type_in(beside) == []


@some
@given(victims, dead_ones, controls)
def test_no_targets_that_have_been_dead_for_long_hide_a_new_outage(
    victims: list[Plan], dead: list[Plan], controls: tuple[tuple[bool, Plan], ...]
) -> None:
    """Nor do its own."""
    victims = [from_(BEGIN, "silent", plan) for plan in victims]
    down = World([*victims, *dead], controls).run(BEGIN + 100).went("down")
    for plan in victims:
        assert down[plan.name][1] <= BEGIN + within(plan)


# Stopped while a failure was held, because the network had just gone.
@example(
    monitors=[Plan("many 1 4", "many", timeout=1, confirmations=1)],
    controls=((False, GATEWAY), (True, RESOLVER)),
    begin=61.0,
    lasts=200.0,
    restarts=[63.4],
)
@many
@given(
    plans("many", 1, 8, confirmations=one_or_two),
    telling,
    st.floats(BEGIN, BEGIN + 30),
    st.floats(30, 500),
    st.lists(st.floats(BEGIN, BEGIN + 200), max_size=2).map(sorted),
)
def test_an_outage_of_the_network_accuses_nobody(
    monitors: list[Plan],
    controls: tuple[tuple[bool, Plan], ...],
    begin: float,
    lasts: float,
    restarts: list[float],
) -> None:
    """From its first second to its last, and one target is enough to see it; whenever the prober is started."""
    restarts = [at for at in restarts if at < begin + lasts]
    world = World(monitors, controls, [(begin, begin + lasts)], restarts).run(begin + lasts + 60)
    assert world.went("down") == {}
    unknown = world.went("not_observed")
    for plan in monitors:  # people are told by that what is known, and when it lasts
        if lasts > (1 + len(restarts)) * plan.interval + plan.timeout + 10:  # a whole probe fell into it
            assert of_type_in(world) != []
            assert plan.name in unknown
    again = Folding(Monitors())
    again.feed(world.journal)
    assert again.outcome() == world.folding.outcome()


@some
@given(
    plans("many", 1, 8, confirmations=one_or_two),
    plans("near", 1, 3, near=st.just(True)),
    st.sampled_from([((True, RESOLVER),), ((False, GATEWAY), (True, RESOLVER)), ((False, DEAD), (True, RESOLVER))]),
    st.floats(BEGIN, BEGIN + 30),
    st.floats(30, 300),
    st.lists(st.floats(BEGIN, BEGIN + 200), max_size=1),
)
def test_a_near_target_that_answers_does_not_make_the_others_accused(
    monitors: list[Plan],
    near: list[Plan],
    controls: tuple[tuple[bool, Plan], ...],
    begin: float,
    lasts: float,
    restarts: list[float],
) -> None:
    """The way out is cut; what lies within the local network, whoever's it is, goes on answering."""
    restarts = [at for at in restarts if at < begin + lasts]
    world = World([*monitors, *near], controls, [(begin, begin + lasts)], restarts).run(begin + lasts + 60)
    assert world.went("down") == {}


@some
@given(plans("many", 1, 8), st.floats(BEGIN, BEGIN + 30), st.floats(30, 500), attackers)
def test_an_outage_behind_the_gateway_accuses_nobody_that_was_well(
    monitors: list[Plan], begin: float, lasts: float, attackers: list[Plan]
) -> None:
    """The gateway goes on answering, and of the targets there are those of a project that were never well."""
    gateway, end = Plan("gateway"), begin + lasts
    cut = [from_(end, "ok", from_(begin, "silent", plan)) for plan in monitors]
    resolver = Plan("resolver", turns=((begin, "silent"), (end, "ok")))
    silent = [from_(begin, "silent", plan) for plan in attackers]
    world = World([*cut, *silent], ((False, gateway), (True, resolver))).run(end + 60)
    assert set(world.went("down")).isdisjoint(plan.name for plan in cut)


@some
@given(victims, telling, plans("other", 0, 3))
def test_what_is_really_down_after_an_outage_of_the_network_is_told(
    victims: list[Plan], controls: tuple[tuple[bool, Plan], ...], others: list[Plan]
) -> None:
    """It ends as soon as anything answers; the control targets are enough."""
    end = BEGIN + 60
    victims = [from_(BEGIN + 5, "silent", plan) for plan in victims]
    down = World([*victims, *others], controls, [(BEGIN, end)]).run(end + 100).went("down")
    assert set(down) == {plan.name for plan in victims}
    for plan in victims:
        assert end <= down[plan.name][1] <= end + within(plan)


def test_these_worlds_have_teeth() -> None:
    """Without control targets that answer, an outage of the network looks like one of every target."""
    monitors = [Plan(f"m{n}") for n in range(3)]
    world = World(monitors, ((True, DEAD),), [(BEGIN, BEGIN + 60)]).run(BEGIN + 60)
    assert set(world.went("down")) == {"m0", "m1", "m2"}


def of_type_in(world: World) -> list[RegionTroubled]:
    """What was said of the region's network."""
    said = (record.value or b"" for record in world.journal if b'"region.troubled"' in (record.value or b""))
    return [event for value in said if isinstance(event := Monitors.events.decode(value), RegionTroubled)]
