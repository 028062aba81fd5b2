"""States: what the replay makes against what the state topic holds, one partition at a time."""

from collections.abc import Iterator

import msgspec

from pingfold.replay.consistent_cut import StoredStates
from pingfold.replay.outcome import Difference
from pingfold.replay.store import Store
from pingfold.replay.stretches import same_but_for_versions
from processors.fold.view import View
from schemas.base import encode
from schemas.ticks import PROGRESS_KEY, Progress

_VALUE_SHOWN = 1_000


def differences(store: Store, kept: StoredStates, view: View) -> Iterator[Difference]:
    """Every state that differs."""
    fold, partition, _, rows = kept
    same = 0
    for key, value in store.query(f"SELECT key, value FROM {rows.name}"):
        ours = view.get(key)
        same += ours is not None
        if ours is None and key == PROGRESS_KEY and value == encode(Progress()):
            continue  # nothing was folded yet, and some workers say so
        if (text := _difference(kept, ours, value)) is not None:
            yield Difference("state", fold.states.name, partition, key, text)
    if same < len(view):
        store.query(f"CREATE INDEX {rows.name}_key ON {rows.name} (key)")
        for key, record in view.items():
            is_there = any(store.query(f"SELECT 1 FROM {rows.name} WHERE key = ?", key))
            if not is_there:
                yield Difference(
                    "state", fold.states.name, partition, key, f"not in the topic; replay {_shown(record)}"
                )


def _difference(kept: StoredStates, ours: msgspec.Struct | None, value: bytes) -> str | None:
    if ours is None:
        return f"not in the replay; topic {value[:_VALUE_SHOWN].decode(errors='replace')}"
    if encode(ours) == value:
        return None
    try:
        theirs = kept.fold.records.decode(value)
    except msgspec.MsgspecError as error:
        return f"cannot be read ({error}); replay {_shown(ours)}"
    if isinstance(ours, Progress) and isinstance(theirs, Progress) and same_but_for_versions(ours, theirs):
        return None
    return None if encode(ours) == encode(theirs) else f"replay {_shown(ours)} topic {_shown(theirs)}"


def _shown(record: msgspec.Struct) -> str:
    return encode(record)[:_VALUE_SHOWN].decode(errors="replace")
