"""Whether the own network of a region is out, judged by control targets: pure, no I/O, no clock.

The contract:

- Whatever answers, a target or a control target, shows that the network is there. What stays silent shows nothing by
  itself, be it ever so much: the silence of targets counts against nobody but themselves, so neither the targets of one
  project nor those that have been dead for long can make a region seem out.
- Out: control targets that answered a short time ago (`SHORT` before the question) answer no more, and nothing else has
  answered since they were asked. If one that lies beyond the local network may be judged by, what lies within (the
  gateway, targets with local addresses) may not: it answers as well when the way out is cut.
- Well again: as soon as any such target or control target answers. However long that takes: nothing is known of any
  target meanwhile, which is what people are told then.
- With no control target that answered a short time ago nothing is judged, but for one case: nothing has ever answered
  (the prober was started while its network was out), and now a target is silent that was well before.

Times are seconds of any steady clock.
"""

from collections.abc import Sequence

SHORT = 90.0
_NEVER = float("-inf")


class RegionWatch:
    """beyond: of each control target, whether its answer shows that the way out of the local network is there.

    heard: when anything answered last, but for a gateway before all else. out_since: when the questions were asked that
    found the network to be out, None while it is not. asked_at: when the newest questions were asked.
    """

    def __init__(self, beyond: Sequence[bool] = ()) -> None:
        self.heard = self.asked_at = _NEVER
        self.out_since: float | None = None
        self._beyond = tuple(beyond)
        self._well = [_NEVER] * len(self._beyond)
        self._judged_by_beyond = False

    def may_tell(self, at: float) -> bool:
        """Whether questions asked at `at` can tell that the network is out; or they were never asked before."""
        return bool(self._well) and (self.asked_at == _NEVER or max(self._well) >= at - SHORT)

    def answered(self, at: float, beyond: bool = True) -> bool:
        """A target has answered, at `at`; `beyond`: one beyond the local network. Returns whether that shows that the
        network is there, as far as is judged."""
        if not beyond and self._is_judged_by_beyond(at):
            return False
        self.heard = max(self.heard, at)
        if self.out_since is not None and at > self.out_since:
            self.out_since = None
        return True

    def control_answered(self, number: int, at: float) -> bool:
        """A control target has answered. Returns whether that shows that the network is there, as far as is judged."""
        self._well[number] = at
        return self.answered(at, self._beyond[number])

    def _is_judged_by_beyond(self, at: float) -> bool:
        """Whether only what lies beyond the local network shows anything."""
        if self.out_since is not None:
            return self._judged_by_beyond
        return self._beyond_well(at) or (self.heard == _NEVER and any(self._beyond))

    def asked(self, began: float) -> None:
        """All questions that were asked at `began` have been answered, or will not be."""
        self.asked_at = began
        if self.out_since is not None or self.heard >= began:
            return
        by_beyond = self._beyond_well(began)
        newest = max(
            (well for far, well in zip(self._beyond, self._well, strict=True) if far is by_beyond), default=_NEVER
        )
        if began - SHORT <= newest < began:
            self._judged_by_beyond, self.out_since = by_beyond, began

    def was_well(self) -> None:
        """A target is silent that was well before this prober started, or since."""
        if self.heard == _NEVER and self.out_since is None and self.asked_at != _NEVER and self._well:
            self._judged_by_beyond, self.out_since = any(self._beyond), self.asked_at

    def stood_still(self, seconds: float) -> None:
        """So much time has passed in which nothing was asked or heard."""
        self._well = [well + seconds for well in self._well]

    def _beyond_well(self, at: float) -> bool:
        """Whether a control target beyond the local network answered a short time before."""
        return any(far and well >= at - SHORT for far, well in zip(self._beyond, self._well, strict=True))
