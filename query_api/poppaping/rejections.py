"""How the PoppaPing API answers a request that the `projects` fold rejects: every code has its answer here. Pure."""

from collections.abc import Mapping
from typing import assert_never

from query_api.poppaping.responses import Conflict, PoppaPingApiError
from schemas.recipients import MOST_ADDRESSES, MOST_REQUESTS
from schemas.rejections import Rejection, RejectionCode

_TOO_MANY = (
    f"Too many requests to confirm: a project asks {MOST_ADDRESSES} addresses a day, and each of them "
    f"{MOST_REQUESTS} times a week."
)


_QUOTA = "Plan quota exceeded: no further monitor"
_WRONG_TIME = "The change is not made: the clock of a server is wrong ({})."
_FIELDS: Mapping[RejectionCode, str] = {
    RejectionCode.COMPONENT_NOT_FOUND: "components",
    RejectionCode.DEPENDENCY_NOT_FOUND: "depends_on",
    RejectionCode.DEPENDENCY_LOOP: "depends_on",
    RejectionCode.CHANNEL_IDENTIFIER_EMPTY: "alert_channel_ids",
    RejectionCode.CHANNEL_IDENTIFIER_INVALID: "alert_channel_ids",
    RejectionCode.CHANNEL_IDENTIFIER_AMBIGUOUS: "alert_channel_ids",
}
_CONFLICTS: Mapping[RejectionCode, str] = {
    RejectionCode.ON_CALL_NAMED: "The escalation policy '{}' names this rotation. Take it out of the policy first.",
    RejectionCode.ROTATED_TOO_OFTEN: "Rotated too often: too many former ones still count.",
}
_NOT_FOUND: Mapping[RejectionCode, str] = {
    RejectionCode.CHECK_NOT_FOUND: "Check not found.",
    RejectionCode.MONITOR_NOT_FOUND: "Monitor not found.",
    RejectionCode.CHANNEL_NOT_FOUND: "Alert channel not found.",
    RejectionCode.STATUS_PAGE_NOT_FOUND: "Status page not found.",
    RejectionCode.STATUS_POST_NOT_FOUND: "Post not found.",
    RejectionCode.SUBSCRIBER_NOT_FOUND: "Subscriber not found.",
    RejectionCode.MAINTENANCE_NOT_FOUND: "Maintenance window not found.",
    RejectionCode.ESCALATION_NOT_FOUND: "Escalation policy not found.",
    RejectionCode.TEMPLATE_NOT_FOUND: "Message template not found.",
    RejectionCode.ON_CALL_NOT_FOUND: "On-call rotation not found.",
    RejectionCode.OVERRIDE_NOT_FOUND: "Override not found.",
    RejectionCode.KEY_NOT_FOUND: "Key not found.",
    RejectionCode.RECIPIENT_NOT_FOUND: "Recipient not found.",
    RejectionCode.PERSON_NOT_FOUND: "Person not found.",
}


def fault_of(rejection: Rejection) -> PoppaPingApiError:
    """The error that ends the request."""
    code, detail, reason = rejection.code, rejection.detail, rejection.reason
    match code:
        case RejectionCode.COVERED_MONITOR_NOT_FOUND:
            return PoppaPingApiError(400, f"Field 'monitor_ids': there is no monitor or check '{detail}'.")
        case RejectionCode.NAME_TAKEN:
            return PoppaPingApiError(400, f"Another one is named '{detail}' already, and declarations go by names.")
        case RejectionCode.ON_CALL_IDENTIFIER_INVALID:
            return PoppaPingApiError(400, f"Field 'steps': there is no on-call rotation '{detail}'.")
        case (
            RejectionCode.COMPONENT_NOT_FOUND
            | RejectionCode.DEPENDENCY_NOT_FOUND
            | RejectionCode.DEPENDENCY_LOOP
            | RejectionCode.CHANNEL_IDENTIFIER_EMPTY
            | RejectionCode.CHANNEL_IDENTIFIER_INVALID
            | RejectionCode.CHANNEL_IDENTIFIER_AMBIGUOUS
        ):
            return PoppaPingApiError(400, f"Field '{_FIELDS[code]}': {reason}.")
        case (
            RejectionCode.ALREADY_EXISTS
            | RejectionCode.LAST_OWNER
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
            return PoppaPingApiError(403, f"{(detail or _QUOTA).capitalize()}.", "plan_limit_reached")
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
        ):
            return PoppaPingApiError(404, _NOT_FOUND[code])
        case RejectionCode.MAINTENANCE_NOT_OPEN:
            return PoppaPingApiError(409, "The maintenance window is not open.", "window_not_open")
        case RejectionCode.CHANGED_MEANWHILE:
            return Conflict(409, "Others changed it at the same time; try again.", "conflict")
        case RejectionCode.ON_CALL_NAMED | RejectionCode.ROTATED_TOO_OFTEN:
            return PoppaPingApiError(409, _CONFLICTS[code].format(detail), "conflict")
        case RejectionCode.TOO_MANY_CONFIRMATIONS:
            return PoppaPingApiError(429, _TOO_MANY, "too_many_confirmations", headers={"Retry-After": "3600"})
        case RejectionCode.WRONG_TIME:
            return PoppaPingApiError(503, _WRONG_TIME.format(detail), headers={"Retry-After": "1"})
        case _:
            assert_never(code)
