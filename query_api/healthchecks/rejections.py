"""How the Management API answers a request that the `projects` fold rejects: every code has its answer here. Pure."""

from typing import assert_never

from query_api.healthchecks.fields import NO_SCHEDULE
from query_api.http.refusals import ApiError, Unavailable
from schemas.rejections import Rejection, RejectionCode

_TRY_LATER = {"Retry-After": "3600"}


def refusal_of(rejection: Rejection) -> ApiError:
    """The error that ends the request."""
    code, reason = rejection.code, rejection.reason
    match code:
        case (
            RejectionCode.CHANNEL_IDENTIFIER_EMPTY
            | RejectionCode.CHANNEL_IDENTIFIER_INVALID
            | RejectionCode.CHANNEL_IDENTIFIER_AMBIGUOUS
            | RejectionCode.COMPONENT_NOT_FOUND
            | RejectionCode.COVERED_MONITOR_NOT_FOUND
            | RejectionCode.DEPENDENCY_NOT_FOUND
            | RejectionCode.DEPENDENCY_LOOP
            | RejectionCode.ON_CALL_IDENTIFIER_INVALID
            | RejectionCode.TARGET_TAKEN
            | RejectionCode.INVALID_REQUEST
        ):
            return ApiError(400, reason)
        case RejectionCode.NAME_TAKEN:
            return ApiError(400, f"another one is named '{rejection.detail}' already, and declarations go by names")
        case RejectionCode.INVALID_SCHEDULE:
            return ApiError(400, NO_SCHEDULE)
        case RejectionCode.PROJECT_NOT_FOUND:
            return ApiError(401, "wrong api key")
        case RejectionCode.LIMIT_REACHED:
            return ApiError(403)
        case (
            RejectionCode.CHECK_NOT_FOUND
            | RejectionCode.MONITOR_NOT_FOUND
            | RejectionCode.CHANNEL_NOT_FOUND
            | RejectionCode.STATUS_PAGE_NOT_FOUND
            | RejectionCode.STATUS_POST_NOT_FOUND
            | RejectionCode.SUBSCRIBER_NOT_FOUND
            | RejectionCode.MAINTENANCE_NOT_FOUND
            | RejectionCode.ESCALATION_NOT_FOUND
            | RejectionCode.TEMPLATE_NOT_FOUND
            | RejectionCode.ON_CALL_NOT_FOUND
            | RejectionCode.OVERRIDE_NOT_FOUND
            | RejectionCode.KEY_NOT_FOUND
            | RejectionCode.RECIPIENT_NOT_FOUND
            | RejectionCode.PERSON_NOT_FOUND
            | RejectionCode.LAST_OWNER
        ):
            return ApiError(404, "not found")
        case (
            RejectionCode.ALREADY_EXISTS
            | RejectionCode.CHANGED_MEANWHILE
            | RejectionCode.ON_CALL_NAMED
            | RejectionCode.MAINTENANCE_NOT_OPEN
            | RejectionCode.AMBIGUOUS_SLUG
            | RejectionCode.WRONG_CHANNEL_KIND
            | RejectionCode.WRONG_KEY_KIND
            | RejectionCode.ROTATED_TOO_OFTEN
            | RejectionCode.UNKNOWN
        ):
            return ApiError(409, reason)
        case RejectionCode.TOO_MANY_CONFIRMATIONS:
            return ApiError(429, reason, _TRY_LATER)
        case RejectionCode.WRONG_TIME:
            return Unavailable(f"the change is not made: the clock of a server is wrong ({rejection.detail})")
        case _:
            assert_never(code)
