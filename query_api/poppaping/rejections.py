"""How the PoppaPing API answers a request that the `projects` fold rejects: every code has its answer here. Pure."""

from typing import assert_never

from query_api.poppaping.responses import Conflict, PoppaPingApiError
from schemas.recipients import MOST_ADDRESSES, MOST_REQUESTS
from schemas.rejections import Rejection, RejectionCode

_TOO_MANY = (
    f"Too many requests to confirm: a project asks {MOST_ADDRESSES} addresses a day, and each of them "
    f"{MOST_REQUESTS} times a week."
)


def fault_of(rejection: Rejection) -> PoppaPingApiError:
    """The error that ends the request."""
    code, detail, reason = rejection.code, rejection.detail, rejection.reason
    match code:
        case RejectionCode.COMPONENT_NOT_FOUND:
            return PoppaPingApiError(400, f"Field 'components': {reason}.")
        case RejectionCode.COVERED_MONITOR_NOT_FOUND:
            return PoppaPingApiError(400, f"Field 'monitor_ids': there is no monitor '{detail}'.")
        case RejectionCode.DEPENDENCY_NOT_FOUND | RejectionCode.DEPENDENCY_LOOP:
            return PoppaPingApiError(400, f"Field 'depends_on': {reason}.")
        case RejectionCode.ON_CALL_IDENTIFIER_INVALID:
            return PoppaPingApiError(400, f"Field 'steps': there is no on-call rotation '{detail}'.")
        case (
            RejectionCode.CHANNEL_IDENTIFIER_EMPTY
            | RejectionCode.CHANNEL_IDENTIFIER_INVALID
            | RejectionCode.CHANNEL_IDENTIFIER_AMBIGUOUS
        ):
            return PoppaPingApiError(400, f"Field 'alert_channel_ids': {reason}.")
        case (
            RejectionCode.ALREADY_EXISTS
            | RejectionCode.TARGET_TAKEN
            | RejectionCode.AMBIGUOUS_SLUG
            | RejectionCode.WRONG_CHANNEL_KIND
            | RejectionCode.WRONG_KEY_KIND
            | RejectionCode.INVALID_SCHEDULE
            | RejectionCode.INVALID_REQUEST
            | RejectionCode.UNKNOWN
        ):
            return PoppaPingApiError(400, f"{reason.capitalize()}.")
        case RejectionCode.PROJECT_NOT_FOUND:
            return PoppaPingApiError(401, "Invalid API key.")
        case RejectionCode.LIMIT_REACHED:
            return PoppaPingApiError(
                403, f"{(detail or 'Plan quota exceeded: no further monitor').capitalize()}.", "plan_limit_reached"
            )
        case RejectionCode.CHECK_NOT_FOUND:
            return PoppaPingApiError(404, "Check not found.")
        case RejectionCode.MONITOR_NOT_FOUND:
            return PoppaPingApiError(404, "Monitor not found.")
        case RejectionCode.CHANNEL_NOT_FOUND:
            return PoppaPingApiError(404, "Alert channel not found.")
        case RejectionCode.STATUS_PAGE_NOT_FOUND:
            return PoppaPingApiError(404, "Status page not found.")
        case RejectionCode.MAINTENANCE_NOT_FOUND:
            return PoppaPingApiError(404, "Maintenance window not found.")
        case RejectionCode.ESCALATION_NOT_FOUND:
            return PoppaPingApiError(404, "Escalation policy not found.")
        case RejectionCode.TEMPLATE_NOT_FOUND:
            return PoppaPingApiError(404, "Message template not found.")
        case RejectionCode.ON_CALL_NOT_FOUND:
            return PoppaPingApiError(404, "On-call rotation not found.")
        case RejectionCode.OVERRIDE_NOT_FOUND:
            return PoppaPingApiError(404, "Override not found.")
        case RejectionCode.KEY_NOT_FOUND:
            return PoppaPingApiError(404, "Key not found.")
        case RejectionCode.RECIPIENT_NOT_FOUND:
            return PoppaPingApiError(404, "Recipient not found.")
        case RejectionCode.MAINTENANCE_NOT_OPEN:
            return PoppaPingApiError(409, "The maintenance window is not open.", "window_not_open")
        case RejectionCode.CHANGED_MEANWHILE:
            return Conflict(409, "Others changed it at the same time; try again.", "conflict")
        case RejectionCode.ON_CALL_NAMED:
            words = f"The escalation policy '{detail}' names this rotation. Take it out of the policy first."
            return PoppaPingApiError(409, words, "conflict")
        case RejectionCode.ROTATED_TOO_OFTEN:
            return PoppaPingApiError(409, "Rotated too often: too many former ones still count.", "conflict")
        case RejectionCode.TOO_MANY_CONFIRMATIONS:
            return PoppaPingApiError(429, _TOO_MANY, "too_many_confirmations", headers={"Retry-After": "3600"})
        case RejectionCode.WRONG_TIME:
            message = f"The change is not made: the clock of a server is wrong ({detail})."
            return PoppaPingApiError(503, message, headers={"Retry-After": "1"})
        case _:
            assert_never(code)
