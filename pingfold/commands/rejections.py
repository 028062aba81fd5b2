"""What the command line says of a request that the `projects` fold rejects: every code has its message here. Pure."""

from typing import assert_never

from schemas.rejections import Rejection, RejectionCode


def message_of(rejection: Rejection) -> str:
    """What is wrong, and what to do where that is not plain."""
    code, reason = rejection.code, rejection.reason
    match code:
        case RejectionCode.PROJECT_NOT_FOUND:
            return f"{reason}; `pingfold project list` shows them"
        case RejectionCode.KEY_NOT_FOUND:
            return f"{reason}; `pingfold key list` shows them"
        case RejectionCode.CHANGED_MEANWHILE:
            return f"nothing is changed: {reason}"
        case RejectionCode.ROTATED_TOO_OFTEN:
            return f"{reason}: too many former ones still count; with an overlap of 0 none of them does"
        case RejectionCode.WRONG_TIME:
            return f"nothing is changed: the clock of this host or of the ticker is wrong ({rejection.detail})"
        case RejectionCode.INVALID_REQUEST:
            return f"nothing is changed: {reason}; `pingfold dead-letters list` shows the request"
        case (
            RejectionCode.CHECK_NOT_FOUND
            | RejectionCode.MONITOR_NOT_FOUND
            | RejectionCode.CHANNEL_NOT_FOUND
            | RejectionCode.STATUS_PAGE_NOT_FOUND
            | RejectionCode.STATUS_POST_NOT_FOUND
            | RejectionCode.SUBSCRIBER_NOT_FOUND
            | RejectionCode.MAINTENANCE_NOT_FOUND
            | RejectionCode.MAINTENANCE_NOT_OPEN
            | RejectionCode.ESCALATION_NOT_FOUND
            | RejectionCode.TEMPLATE_NOT_FOUND
            | RejectionCode.ON_CALL_NOT_FOUND
            | RejectionCode.OVERRIDE_NOT_FOUND
            | RejectionCode.RECIPIENT_NOT_FOUND
            | RejectionCode.PERSON_NOT_FOUND
            | RejectionCode.LAST_OWNER
            | RejectionCode.COMPONENT_NOT_FOUND
            | RejectionCode.COVERED_MONITOR_NOT_FOUND
            | RejectionCode.DEPENDENCY_NOT_FOUND
            | RejectionCode.DEPENDENCY_LOOP
            | RejectionCode.ON_CALL_IDENTIFIER_INVALID
            | RejectionCode.ON_CALL_NAMED
            | RejectionCode.TARGET_TAKEN
            | RejectionCode.NAME_TAKEN
            | RejectionCode.CHANNEL_IDENTIFIER_EMPTY
            | RejectionCode.CHANNEL_IDENTIFIER_INVALID
            | RejectionCode.CHANNEL_IDENTIFIER_AMBIGUOUS
            | RejectionCode.ALREADY_EXISTS
            | RejectionCode.AMBIGUOUS_SLUG
            | RejectionCode.LIMIT_REACHED
            | RejectionCode.WRONG_CHANNEL_KIND
            | RejectionCode.WRONG_KEY_KIND
            | RejectionCode.INVALID_SCHEDULE
            | RejectionCode.TOO_MANY_CONFIRMATIONS
            | RejectionCode.UNKNOWN
        ):
            return reason
        case _:
            assert_never(code)
