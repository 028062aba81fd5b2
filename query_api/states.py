"""The running states of checks as the API sees them: the newest records of `check-states`, kept packed.

Fed by a replica's thread, read by the event loop. Every write is one atomic change of one dictionary. The `checks` fold
writes a partition's own record last in each transaction, so whoever sees `applied` at an offset sees the states, too.
"""

import msgspec

from schemas.check_states import CheckState
from schemas.ticks import PROGRESS_KEY, Progress

_state = msgspec.json.Decoder(CheckState).decode
_progress = msgspec.json.Decoder(Progress).decode


class States:
    """Running states by check id, and how far each partition has been folded."""

    def __init__(self) -> None:
        self._states: dict[str, bytes] = {}
        self._progress: dict[int, Progress] = {}

    def apply(self, partition: int, key: str, value: bytes | None) -> None:
        """Take one record of `check-states`; the fold's own copies of definitions and its gaps are not ours."""
        if key == PROGRESS_KEY:
            if value is None:
                self._progress.pop(partition, None)
            else:
                self._progress[partition] = _progress(value)
        elif "/" in key:
            return
        elif value is None:
            self._states.pop(key, None)
        else:
            self._states[key] = value

    def __len__(self) -> int:
        return len(self._states)

    def state(self, check_id: str) -> CheckState | None:
        """The running state of a check; None before the fold has seen it."""
        packed = self._states.get(check_id)
        return None if packed is None else _state(packed)

    def version(self, check_id: str) -> int:
        """The version of the definition that the fold has folded; 0 before the first."""
        state = self.state(check_id)
        return 0 if state is None else state.version

    def applied(self, partition: int) -> int:
        """Offset of the last event of `pings` that is in the states of this partition; -1 before the first."""
        progress = self._progress.get(partition)
        return -1 if progress is None else progress.applied

    def progress(self, partition: int) -> Progress | None:
        """The partition's own record, as last committed."""
        return self._progress.get(partition)
