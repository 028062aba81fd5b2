"""Why the `projects` fold rejects a request: a closed set of codes, each with what it is about.

Every API maps every code to an answer of its own, without a default: `tests/unit/test_rejections.py` fails for a code
that one of them does not map. The reason in words is for people and for the command line. Decisions recorded before
there were codes have only the words; `rejection_of` reads them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class RejectionCode(StrEnum):
    """Why a request is rejected. `unknown` stands for every code of a newer version."""

    PROJECT_NOT_FOUND = "project_not_found"
    CHECK_NOT_FOUND = "check_not_found"
    MONITOR_NOT_FOUND = "monitor_not_found"
    CHANNEL_NOT_FOUND = "channel_not_found"
    STATUS_PAGE_NOT_FOUND = "status_page_not_found"
    STATUS_POST_NOT_FOUND = "status_post_not_found"
    SUBSCRIBER_NOT_FOUND = "subscriber_not_found"
    MAINTENANCE_NOT_FOUND = "maintenance_not_found"
    MAINTENANCE_NOT_OPEN = "maintenance_not_open"
    ESCALATION_NOT_FOUND = "escalation_not_found"
    TEMPLATE_NOT_FOUND = "template_not_found"
    ON_CALL_NOT_FOUND = "on_call_not_found"
    OVERRIDE_NOT_FOUND = "override_not_found"
    KEY_NOT_FOUND = "key_not_found"
    RECIPIENT_NOT_FOUND = "recipient_not_found"
    PERSON_NOT_FOUND = "person_not_found"
    # What the fields of a request name; the detail is the id or the identifier.
    COMPONENT_NOT_FOUND = "component_not_found"
    COVERED_MONITOR_NOT_FOUND = "covered_monitor_not_found"
    DEPENDENCY_NOT_FOUND = "dependency_not_found"
    DEPENDENCY_LOOP = "dependency_loop"
    ON_CALL_IDENTIFIER_INVALID = "on_call_identifier_invalid"
    ON_CALL_NAMED = "on_call_named"
    TARGET_TAKEN = "target_taken"
    NAME_TAKEN = "name_taken"
    CHANNEL_IDENTIFIER_EMPTY = "channel_identifier_empty"
    CHANNEL_IDENTIFIER_INVALID = "channel_identifier_invalid"
    CHANNEL_IDENTIFIER_AMBIGUOUS = "channel_identifier_ambiguous"
    LAST_OWNER = "last_owner"
    ALREADY_EXISTS = "already_exists"
    AMBIGUOUS_SLUG = "ambiguous_slug"
    CHANGED_MEANWHILE = "changed_meanwhile"
    LIMIT_REACHED = "limit_reached"
    WRONG_CHANNEL_KIND = "wrong_channel_kind"
    WRONG_KEY_KIND = "wrong_key_kind"
    ROTATED_TOO_OFTEN = "rotated_too_often"
    TOO_MANY_CONFIRMATIONS = "too_many_confirmations"
    INVALID_SCHEDULE = "invalid_schedule"
    # The request is also a dead letter; the detail is the reason of it.
    WRONG_TIME = "wrong_time"
    INVALID_REQUEST = "invalid_request"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "RejectionCode":
        return cls.UNKNOWN


_C = RejectionCode
# The words of each code. A detail stands behind them: `no such component: x`.
_WORDS: Mapping[RejectionCode, str] = {
    _C.PROJECT_NOT_FOUND: "no such project",
    _C.CHECK_NOT_FOUND: "no such check",
    _C.MONITOR_NOT_FOUND: "no such monitor",
    _C.CHANNEL_NOT_FOUND: "no such channel",
    _C.STATUS_PAGE_NOT_FOUND: "no such status page",
    _C.STATUS_POST_NOT_FOUND: "no such post",
    _C.SUBSCRIBER_NOT_FOUND: "no such subscriber",
    _C.MAINTENANCE_NOT_FOUND: "no such window",
    _C.MAINTENANCE_NOT_OPEN: "the window is not open",
    _C.ESCALATION_NOT_FOUND: "no such escalation policy",
    _C.TEMPLATE_NOT_FOUND: "no such message template",
    _C.ON_CALL_NOT_FOUND: "no such on-call rotation",
    _C.OVERRIDE_NOT_FOUND: "no such override",
    _C.KEY_NOT_FOUND: "no such key",
    _C.RECIPIENT_NOT_FOUND: "no such recipient",
    _C.PERSON_NOT_FOUND: "no such person",
    _C.COMPONENT_NOT_FOUND: "no such component",
    _C.COVERED_MONITOR_NOT_FOUND: "covers no such monitor or check",
    _C.DEPENDENCY_NOT_FOUND: "depends on no such monitor",
    _C.DEPENDENCY_LOOP: "depends on itself",
    _C.ON_CALL_IDENTIFIER_INVALID: "names no such on-call rotation",
    _C.ON_CALL_NAMED: "an escalation policy names the on-call rotation",
    _C.TARGET_TAKEN: "another monitor has this target",
    _C.NAME_TAKEN: "another one has this name",
    _C.CHANNEL_IDENTIFIER_EMPTY: "empty channel identifier",
    _C.CHANNEL_IDENTIFIER_INVALID: "invalid channel identifier",
    _C.CHANNEL_IDENTIFIER_AMBIGUOUS: "non-unique channel identifier",
    _C.LAST_OWNER: "the last owner of the project",
    _C.ALREADY_EXISTS: "exists",
    _C.AMBIGUOUS_SLUG: "ambiguous slug",
    _C.CHANGED_MEANWHILE: "changed meanwhile",
    _C.LIMIT_REACHED: "limit reached",
    _C.WRONG_CHANNEL_KIND: "wrong kind of channel",
    _C.WRONG_KEY_KIND: "wrong kind of key",
    _C.ROTATED_TOO_OFTEN: "rotated too often",
    _C.TOO_MANY_CONFIRMATIONS: "too many requests to confirm",
    _C.INVALID_SCHEDULE: "invalid schedule",
    _C.WRONG_TIME: "wrong time",
    _C.INVALID_REQUEST: "invalid request",
    _C.UNKNOWN: "rejected",
}
_BY_WORDS = {words: code for code, words in _WORDS.items() if code is not _C.UNKNOWN}


class Rejection(NamedTuple):
    """A code, and what it is about: "" when the code says it all."""

    code: RejectionCode
    detail: str = ""

    @property
    def reason(self) -> str:
        """The rejection in words. An unknown code has the words of the version that rejected."""
        if self.code is RejectionCode.UNKNOWN and self.detail:
            return self.detail
        words = _WORDS[self.code]
        return f"{words}: {self.detail}" if self.detail else words


def rejection_of(reason: str) -> Rejection:
    """The rejection that words mean which were recorded without a code."""
    words, _, detail = reason.partition(": ")
    code = _BY_WORDS.get(words)
    return Rejection(RejectionCode.UNKNOWN, reason) if code is None else Rejection(code, detail)
