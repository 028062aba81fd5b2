"""What the folds decide and write is what it was when the digests were recorded, byte by byte."""

import json

import pytest

from tests.fold_courses import COURSES, FILE, SEEDS, outcome

RECORDED = json.loads(FILE.read_text())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fold", COURSES)
def test_a_fold_makes_the_same_states_and_effects_as_before(fold: str, seed: int) -> None:
    made = outcome(fold, seed)
    assert made.digest == RECORDED[fold][str(seed)], (
        f"the fold {fold} decides or writes otherwise: raise its version, and record anew with "
        "`python -m tests.fold_courses`; or restore what it did"
    )


def test_the_courses_reach_what_they_are_for() -> None:
    """Statuses of all kinds change, things are parked, gaps open, deliveries end: the digests speak of all of it."""
    for fold, kinds in {
        "checks": {"status.changed", "delivery.requested", "ping.folded", "gap", "dead-letter", "thing.changed"},
        "monitors": {"status.changed", "delivery.requested", "region.disregarded", "dependency.changed"},
        "deliveries": {"delivery.finished", "channel.troubled", "channel.disabled", "thing.changed"},
        "projects": {"check.defined", "monitor.defined", "endpoint.defined", "maintenance.defined", "thing.changed"},
    }.items():
        made: set[str] = set()
        for seed in SEEDS:
            made |= outcome(fold, seed).counts.keys()
        assert kinds <= made, fold
