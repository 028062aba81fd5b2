"""Which versions folded which part of a journal, and what a version must not open. Pure.

A partition's own record keeps its epochs: the journal offset at which each version of the fold, of the time zone data
and of the schedule libraries began. So a replay can judge each stretch of the journal by the version that folded it.

States that a newer version wrote may hold what an older one does not know and would drop with its next write. So states
of a newer version of the fold, and states of the same version with unknown fields, are not opened (`NewerStates`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from processors.errors import ProcessorError
from schemas.base import encode
from schemas.schedules import SCHEDULES_VERSION
from schemas.ticks import Epoch, Progress

# An epoch begins with an upgrade or a rollback. Of a partition that had more of them, the oldest are forgotten.
MOST_EPOCHS = 50
_ADVICE = "start the newer Pingfold again, or restore a backup from before the upgrade"


class NewerStates(ProcessorError):
    """A newer version wrote the states: end, and start that version. Nothing was read or changed."""


class Versions(NamedTuple):
    """What an outcome depends on besides the journal. `schedules`: as in `Epoch`; "" when it is not known."""

    fold: int
    tzdata: str
    schedules: str = SCHEDULES_VERSION

    def explains(self, other: "Versions") -> bool:
        """Whether these versions give what the others gave: they are the same, as far as is known."""
        return (
            self.fold == other.fold
            and self.tzdata == other.tzdata
            and (self.schedules == other.schedules or "" in (self.schedules, other.schedules))
        )


def versions_of(epoch: Epoch) -> Versions:
    return Versions(epoch.fold, epoch.tzdata, epoch.schedules)


def epochs_of(progress: Progress) -> tuple[Epoch, ...]:
    """The epochs of a partition, oldest first.

    States from before epochs were kept tell their last versions only: these are taken to be those of the whole journal.
    """
    if progress.epochs or progress.applied < 0:
        return progress.epochs
    return (Epoch(fold=progress.fold, tzdata=progress.tzdata),)


def begun(progress: Progress, offset: int, versions: Versions) -> tuple[Epoch, ...]:
    """The epochs when the event at `offset`, the next one of the partition, is folded by these versions."""
    epochs = epochs_of(progress)
    if epochs and versions_of(epochs[-1]) == versions:
        return epochs
    fold, tzdata, schedules = versions
    return (*epochs, Epoch(offset=offset, fold=fold, tzdata=tzdata, schedules=schedules))[-MOST_EPOCHS:]


def must_not_be_newer(states: str, progress: Progress, version: int) -> None:
    """Raises `NewerStates` when a newer version of the fold than `version` wrote the states of a partition."""
    epochs = epochs_of(progress)
    if epochs and epochs[-1].fold > version:
        raise NewerStates(
            f"{states} was written by version {epochs[-1].fold} of its fold, and this is version {version}, "
            f"which would lose what it does not know: {_ADVICE}"
        )


def must_be_known(states: str, key: str, value: bytes, record: msgspec.Struct) -> None:
    """Raises `NewerStates` when the JSON `value`, of which `record` was decoded, holds fields that this code drops.

    Called for states that the same version of the fold wrote; a newer version may drop what it has no use for.
    """
    if encode(record) != value and (unknown := sorted(_unknown(msgspec.json.decode(value), record))):
        raise NewerStates(
            f"{states} holds, under {key}, fields that this program does not know and would lose "
            f"({', '.join(unknown)}): {_ADVICE}"
        )


def _unknown(plain: Any, value: Any, path: str = "") -> Iterator[str]:
    """The names in `plain` that have no place in `value`, which was decoded from the same JSON."""
    if isinstance(value, msgspec.Struct) and isinstance(plain, dict):
        config = value.__struct_config__
        fields = dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))
        for name, inner in plain.items():
            if name in fields:
                yield from _unknown(inner, getattr(value, fields[name]), f"{path}{name}.")
            elif name != config.tag_field:
                yield path + name
    elif isinstance(value, Mapping) and isinstance(plain, dict):
        for name in plain.keys() & value.keys():
            yield from _unknown(plain[name], value[name], f"{path}{name}.")
    elif isinstance(value, list | tuple) and isinstance(plain, list):
        for inner, each in zip(plain, value, strict=True):
            yield from _unknown(inner, each, path)
