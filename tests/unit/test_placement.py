"""Where effects go."""

import pytest

from processors.fold.contract import EVERY, SAME, Effect
from processors.fold.placement import partitions_of, to_transitions
from schemas.topics import DELIVERIES, TRANSITIONS
from schemas.transitions import GapSeen

SEEN = GapSeen(partition=3, cause="refused", start=1)


@pytest.mark.parametrize(
    ("partition", "expected"), [(None, [7]), (SAME, [3]), (EVERY, [0, 1, 2, 3]), (2, [2]), (0, [0])]
)
def test_the_partitions_of_an_effect(partition: int | None, expected: list[int]) -> None:
    effect = Effect(DELIVERIES, "channel", SEEN, partition)
    assert list(partitions_of(effect, 3, {"deliveries": 4}.__getitem__, lambda effect: len(effect.key))) == expected


def test_transitions_stand_in_the_partition_that_they_come_from() -> None:
    assert to_transitions("gap/1", SEEN) == Effect(TRANSITIONS, "gap/1", SEEN, SAME)
