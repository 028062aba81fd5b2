"""How the PoppaPing API answers a request that the `projects` fold rejects: every code has its answer here. Pure."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from query_api.poppaping.responses import Conflict, PoppaPingApiError
from schemas.recipients import MOST_ADDRESSES, MOST_REQUESTS
from schemas.rejections import Rejection, RejectionCode

_TOO_MANY = (
    f"Too many requests to confirm: a project asks {MOST_ADDRESSES} addresses a day, and each of them "
    f"{MOST_REQUESTS} times a week."
)
_QUOTA = "Plan quota exceeded: no further monitor"

_Answer: TypeAlias = Callable[[Rejection], PoppaPingApiError]


def _says(status: int, message: str, code: str | None = None, retry_after: str | None = None) -> _Answer:
    """The status with a message, in which `{detail}` and `{reason}` stand for those of the rejection."""
    headers = None if retry_after is None else {"Retry-After": retry_after}
    return lambda rejection: PoppaPingApiError(
        status, message.format(detail=rejection.detail, reason=rejection.reason), code, headers
    )


def _reason(rejection: Rejection) -> PoppaPingApiError:
    return PoppaPingApiError(400, f"{rejection.reason.capitalize()}.")


def _limit(rejection: Rejection) -> PoppaPingApiError:
    return PoppaPingApiError(403, f"{(rejection.detail or _QUOTA).capitalize()}.", "plan_limit_reached")


_C = RejectionCode
_ANSWERS: Mapping[RejectionCode, _Answer] = {
    _C.COVERED_MONITOR_NOT_FOUND: _says(400, "Field 'monitor_ids': there is no monitor or check '{detail}'."),
    _C.NAME_TAKEN: _says(400, "Another one is named '{detail}' already, and declarations go by names."),
    _C.ON_CALL_IDENTIFIER_INVALID: _says(400, "Field 'steps': there is no on-call rotation '{detail}'."),
    _C.COMPONENT_NOT_FOUND: _says(400, "Field 'components': {reason}."),
    _C.DEPENDENCY_NOT_FOUND: _says(400, "Field 'depends_on': {reason}."),
    _C.DEPENDENCY_LOOP: _says(400, "Field 'depends_on': {reason}."),
    _C.CHANNEL_IDENTIFIER_EMPTY: _says(400, "Field 'alert_channel_ids': {reason}."),
    _C.CHANNEL_IDENTIFIER_INVALID: _says(400, "Field 'alert_channel_ids': {reason}."),
    _C.CHANNEL_IDENTIFIER_AMBIGUOUS: _says(400, "Field 'alert_channel_ids': {reason}."),
    _C.ALREADY_EXISTS: _reason,
    _C.LAST_OWNER: _reason,
    _C.TARGET_TAKEN: _reason,
    _C.AMBIGUOUS_SLUG: _reason,
    _C.WRONG_CHANNEL_KIND: _reason,
    _C.WRONG_KEY_KIND: _reason,
    _C.INVALID_SCHEDULE: _reason,
    _C.INVALID_REQUEST: _reason,
    _C.UNKNOWN: _reason,
    _C.PROJECT_NOT_FOUND: _says(401, "Invalid API key."),
    _C.LIMIT_REACHED: _limit,
    _C.CHECK_NOT_FOUND: _says(404, "Check not found."),
    _C.MONITOR_NOT_FOUND: _says(404, "Monitor not found."),
    _C.CHANNEL_NOT_FOUND: _says(404, "Alert channel not found."),
    _C.STATUS_PAGE_NOT_FOUND: _says(404, "Status page not found."),
    _C.STATUS_POST_NOT_FOUND: _says(404, "Post not found."),
    _C.SUBSCRIBER_NOT_FOUND: _says(404, "Subscriber not found."),
    _C.MAINTENANCE_NOT_FOUND: _says(404, "Maintenance window not found."),
    _C.ESCALATION_NOT_FOUND: _says(404, "Escalation policy not found."),
    _C.TEMPLATE_NOT_FOUND: _says(404, "Message template not found."),
    _C.ON_CALL_NOT_FOUND: _says(404, "On-call rotation not found."),
    _C.OVERRIDE_NOT_FOUND: _says(404, "Override not found."),
    _C.KEY_NOT_FOUND: _says(404, "Key not found."),
    _C.RECIPIENT_NOT_FOUND: _says(404, "Recipient not found."),
    _C.PERSON_NOT_FOUND: _says(404, "Person not found."),
    _C.MAINTENANCE_NOT_OPEN: _says(409, "The maintenance window is not open.", "window_not_open"),
    _C.CHANGED_MEANWHILE: lambda _: Conflict(409, "Others changed it at the same time; try again.", "conflict"),
    _C.ON_CALL_NAMED: _says(
        409, "The escalation policy '{detail}' names this rotation. Take it out of the policy first.", "conflict"
    ),
    _C.ROTATED_TOO_OFTEN: _says(409, "Rotated too often: too many former ones still count.", "conflict"),
    _C.TOO_MANY_CONFIRMATIONS: _says(429, _TOO_MANY, "too_many_confirmations", "3600"),
    _C.WRONG_TIME: _says(503, "The change is not made: the clock of a server is wrong ({detail}).", retry_after="1"),
}


def fault_of(rejection: Rejection) -> PoppaPingApiError:
    """The error that ends the request."""
    return _ANSWERS[rejection.code](rejection)
