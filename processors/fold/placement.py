"""Where effects go: the topic and the partitions of it. Pure.

Most effects go where their key belongs. What is told of a journal's partition stands in the partition of the same
number (`SAME`), so that whoever reads that partition has all of it, in order. What concerns many keys goes to `EVERY`
partition.
"""

from collections.abc import Callable, Iterable

import msgspec

from processors.fold.contract import EVERY, SAME, Effect
from schemas.topics import TRANSITIONS


def to_transitions(key: str, value: msgspec.Struct) -> Effect:
    """An effect that tells what a partition decided."""
    return Effect(TRANSITIONS, key, value, SAME)


def partitions_of(
    effect: Effect, own: int, count: Callable[[str], int], by_key: Callable[[Effect], int]
) -> Iterable[int]:
    """The partitions of its topic that an effect goes to.

    own: the number of the partition that it comes from. count: how many partitions a topic has, by its name.
    by_key: the partition that an effect's key belongs to.
    """
    partition = effect.partition
    if partition == SAME:
        return (own,)
    if partition is None:
        return (by_key(effect),)
    return range(count(effect.topic.name)) if partition == EVERY else (partition,)
