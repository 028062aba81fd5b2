"""The topic `decisions`: what the `projects` fold decided on each request."""

from typing import Literal

from schemas.base import Fact
from schemas.rejections import Rejection, RejectionCode, rejection_of


class Decision(Fact, tag="decision", frozen=True):
    """The decision on a request. id, version: what was created, found or changed.

    code: why the request was refused. detail: what the code refers to, such as the id of a monitor that does not exist.
    reason: both as text. Decisions of older versions have only the reason.
    """

    request: str
    outcome: Literal["made", "found", "updated", "removed", "refused"]
    id: str = ""
    version: int = 0
    reason: str = ""
    code: RejectionCode | None = None
    detail: str = ""

    @property
    def rejection(self) -> Rejection | None:
        """Why the request is refused; None when it is not."""
        if self.outcome != "refused":
            return None
        if self.code is None or self.code is RejectionCode.UNKNOWN:
            return rejection_of(self.reason)
        return Rejection(self.code, self.detail)
