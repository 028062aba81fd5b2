"""How the updown API answers a request that the `projects` fold rejects: every code has its answer here. Pure."""

from collections.abc import Mapping
from typing import assert_never

from query_api.updown.errors import UpdownConflict, UpdownError, fault, sentence
from schemas.rejections import Rejection, RejectionCode

_TOO_MANY = "Too many addresses were asked to confirm, try again later"
_WRONG_TIME = "The change is not made: the clock of a server is wrong ({})"
_CONFLICTS: Mapping[RejectionCode, str] = {
    RejectionCode.MAINTENANCE_NOT_OPEN: "Maintenance window is not open",
    RejectionCode.ROTATED_TOO_OFTEN: "Rotated too often: too many former ones still count",
}
_NOT_FOUND: Mapping[RejectionCode, str] = {
    RejectionCode.CHECK_NOT_FOUND: "Check not found",
    RejectionCode.MONITOR_NOT_FOUND: "Check not found",
    RejectionCode.CHANNEL_NOT_FOUND: "Recipient not found",
    RejectionCode.RECIPIENT_NOT_FOUND: "Recipient not found",
    RejectionCode.PERSON_NOT_FOUND: "Person not found",
    RejectionCode.STATUS_PAGE_NOT_FOUND: "Status page not found",
    RejectionCode.STATUS_POST_NOT_FOUND: "Post not found",
    RejectionCode.SUBSCRIBER_NOT_FOUND: "Subscriber not found",
    RejectionCode.MAINTENANCE_NOT_FOUND: "Maintenance window not found",
    RejectionCode.ESCALATION_NOT_FOUND: "Escalation policy not found",
    RejectionCode.TEMPLATE_NOT_FOUND: "Message template not found",
    RejectionCode.ON_CALL_NOT_FOUND: "On-call rotation not found",
    RejectionCode.OVERRIDE_NOT_FOUND: "On-call rotation not found",
    RejectionCode.KEY_NOT_FOUND: "API key not found",
}


def error_of(rejection: Rejection) -> UpdownError:
    """The error that ends the request."""
    code, detail, reason = rejection.code, rejection.detail, rejection.reason
    match code:
        case RejectionCode.TARGET_TAKEN:
            return UpdownError(400, fault("url", "is already registered", detail if "/" in detail else f"{detail}/"))
        case (
            RejectionCode.CHANNEL_IDENTIFIER_EMPTY
            | RejectionCode.CHANNEL_IDENTIFIER_INVALID
            | RejectionCode.CHANNEL_IDENTIFIER_AMBIGUOUS
        ):
            return UpdownError(400, fault("recipients", "is not included in the list", detail))
        case RejectionCode.COMPONENT_NOT_FOUND:
            return UpdownError(400, fault("checks", "is not included in the list", detail))
        case (
            RejectionCode.COVERED_MONITOR_NOT_FOUND
            | RejectionCode.DEPENDENCY_NOT_FOUND
            | RejectionCode.DEPENDENCY_LOOP
            | RejectionCode.ON_CALL_IDENTIFIER_INVALID
            | RejectionCode.ALREADY_EXISTS
            | RejectionCode.LAST_OWNER
            | RejectionCode.NAME_TAKEN
            | RejectionCode.AMBIGUOUS_SLUG
            | RejectionCode.WRONG_CHANNEL_KIND
            | RejectionCode.WRONG_KEY_KIND
            | RejectionCode.INVALID_SCHEDULE
            | RejectionCode.INVALID_REQUEST
            | RejectionCode.UNKNOWN
        ):
            return UpdownError(400, sentence(reason))
        case RejectionCode.PROJECT_NOT_FOUND:
            return UpdownError(401, "API key is not valid")
        case RejectionCode.LIMIT_REACHED:
            return UpdownError(403, "The plan allows no further check")
        case (
            RejectionCode.CHECK_NOT_FOUND
            | RejectionCode.MONITOR_NOT_FOUND
            | RejectionCode.CHANNEL_NOT_FOUND
            | RejectionCode.RECIPIENT_NOT_FOUND
            | RejectionCode.PERSON_NOT_FOUND
            | RejectionCode.STATUS_PAGE_NOT_FOUND
            | RejectionCode.STATUS_POST_NOT_FOUND
            | RejectionCode.SUBSCRIBER_NOT_FOUND
            | RejectionCode.MAINTENANCE_NOT_FOUND
            | RejectionCode.ESCALATION_NOT_FOUND
            | RejectionCode.TEMPLATE_NOT_FOUND
            | RejectionCode.ON_CALL_NOT_FOUND
            | RejectionCode.OVERRIDE_NOT_FOUND
            | RejectionCode.KEY_NOT_FOUND
        ):
            return UpdownError(404, _NOT_FOUND[code])
        case RejectionCode.ON_CALL_NAMED:
            return UpdownError(409, sentence(reason))
        case RejectionCode.CHANGED_MEANWHILE:
            return UpdownConflict(409, "Others changed it at the same time, try again")
        case RejectionCode.MAINTENANCE_NOT_OPEN | RejectionCode.ROTATED_TOO_OFTEN:
            return UpdownError(409, _CONFLICTS[code])
        case RejectionCode.TOO_MANY_CONFIRMATIONS:
            return UpdownError(429, _TOO_MANY, {"Retry-After": "3600"})
        case RejectionCode.WRONG_TIME:
            return UpdownError(503, _WRONG_TIME.format(detail), {"Retry-After": "1"})
        case _:
            assert_never(code)
