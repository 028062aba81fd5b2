"""Whether nobody is told of a check: because of its own mute, or of one of its tags. Pure.

`muted` of a state says whether it is so now, by its own mute or by that of a tag (`by_tag`). Its own mute may have
ended while the definition still has it (`own_mute_over`).
"""

from processors.checks.expiry import CheckExpiry, check_of
from processors.checks.transitions import end_mute
from processors.fold.contract import Context, Effect
from processors.fold.mutes import is_muted_itself
from processors.fold.partition_time import counts_at, time_of
from processors.fold.tag_mutes import TagEvent
from processors.fold.view import View
from schemas.base import Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.tag_mutes import TagUnmuted


class CheckMutes:
    """Of the checks of a partition."""

    def __init__(self, view: View, expiry: CheckExpiry) -> None:
        self._view, self._expiry, self._tags = view, expiry, expiry.tag_mutes

    def begin(self, state: CheckState, check: Check) -> None:
        """A check was made."""
        state.by_tag = self._tags.covers(check.project, check.tags, time_of(self._view))
        state.muted = state.by_tag or check.mute_until is not None

    def redefine(self, state: CheckState, old: Check, new: Check, at: Micros) -> list[Effect]:
        """A new definition may begin a mute, or end one; what follows from the end. `state`: the caller's own copy."""
        if old.mute_until == new.mute_until and old.tags == new.tags:
            return []
        own = new.mute_until is not None if old.mute_until != new.mute_until else is_muted_itself(state, old)
        state.by_tag = self._tags.covers(new.project, new.tags, time_of(self._view))
        return self._settle(state, new, own, at, expired=False)

    def heard(self, event: TagEvent, context: Context) -> list[Effect]:
        """A tag was muted, or is not any more."""
        view, effects = self._view, list[Effect]()
        mute = self._tags.heard(event, context)
        if mute is None:
            return []
        time, at = time_of(view), counts_at(view, event.at)
        expired = isinstance(event, TagUnmuted) and event.expired
        for key in sorted(self._expiry.places.tagged(mute.project, mute.label)):
            state, check = view.edit(CheckState, key), check_of(view, key)
            own = is_muted_itself(state, check)
            state.by_tag = self._tags.covers(check.project, check.tags, time)
            effects += self._settle(state, check, own, at, expired=expired)
            self._expiry.look_at(key, time)
        return effects

    def _settle(self, state: CheckState, check: Check, own: bool, at: Micros, expired: bool) -> list[Effect]:
        """A mute begins, goes on, or ends. own: the check's own counts."""
        was, state.muted = state.muted, own or state.by_tag
        state.own_mute_over = check.mute_until is not None and not own
        if not was or state.muted:
            return []
        return end_mute(state, check, at, at, expired=expired, untold=self._expiry.maintenance.is_open(check, at))
