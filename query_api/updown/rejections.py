"""How the updown API answers a request that the `projects` fold rejects: every code has its answer here. Pure."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from query_api.updown.errors import UpdownConflict, UpdownError, fault, sentence
from schemas.rejections import Rejection, RejectionCode

_Answer: TypeAlias = Callable[[Rejection], UpdownError]


def _says(status: int, message: str, retry_after: str | None = None) -> _Answer:
    """The status with a message, in which `{detail}` stands for the detail of the rejection."""
    headers = None if retry_after is None else {"Retry-After": retry_after}
    return lambda rejection: UpdownError(status, message.format(detail=rejection.detail), headers)


def _reason(status: int) -> _Answer:
    """The status with the reason in words."""
    return lambda rejection: UpdownError(status, sentence(rejection.reason))


def _not_in_list(name: str) -> _Answer:
    """400 for a parameter that names what is not there."""
    return lambda rejection: UpdownError(400, fault(name, "is not included in the list", rejection.detail))


def _target_taken(rejection: Rejection) -> UpdownError:
    url = rejection.detail if "/" in rejection.detail else f"{rejection.detail}/"
    return UpdownError(400, fault("url", "is already registered", url))


_C = RejectionCode
_ANSWERS: Mapping[RejectionCode, _Answer] = {
    _C.TARGET_TAKEN: _target_taken,
    _C.CHANNEL_IDENTIFIER_EMPTY: _not_in_list("recipients"),
    _C.CHANNEL_IDENTIFIER_INVALID: _not_in_list("recipients"),
    _C.CHANNEL_IDENTIFIER_AMBIGUOUS: _not_in_list("recipients"),
    _C.COMPONENT_NOT_FOUND: _not_in_list("checks"),
    _C.COVERED_MONITOR_NOT_FOUND: _reason(400),
    _C.DEPENDENCY_NOT_FOUND: _reason(400),
    _C.DEPENDENCY_LOOP: _reason(400),
    _C.ON_CALL_IDENTIFIER_INVALID: _reason(400),
    _C.ALREADY_EXISTS: _reason(400),
    _C.LAST_OWNER: _reason(400),
    _C.NAME_TAKEN: _reason(400),
    _C.AMBIGUOUS_SLUG: _reason(400),
    _C.WRONG_CHANNEL_KIND: _reason(400),
    _C.WRONG_KEY_KIND: _reason(400),
    _C.INVALID_SCHEDULE: _reason(400),
    _C.INVALID_REQUEST: _reason(400),
    _C.UNKNOWN: _reason(400),
    _C.PROJECT_NOT_FOUND: _says(401, "API key is not valid"),
    _C.LIMIT_REACHED: _says(403, "The plan allows no further check"),
    _C.CHECK_NOT_FOUND: _says(404, "Check not found"),
    _C.MONITOR_NOT_FOUND: _says(404, "Check not found"),
    _C.CHANNEL_NOT_FOUND: _says(404, "Recipient not found"),
    _C.RECIPIENT_NOT_FOUND: _says(404, "Recipient not found"),
    _C.PERSON_NOT_FOUND: _says(404, "Person not found"),
    _C.STATUS_PAGE_NOT_FOUND: _says(404, "Status page not found"),
    _C.STATUS_POST_NOT_FOUND: _says(404, "Post not found"),
    _C.SUBSCRIBER_NOT_FOUND: _says(404, "Subscriber not found"),
    _C.MAINTENANCE_NOT_FOUND: _says(404, "Maintenance window not found"),
    _C.ESCALATION_NOT_FOUND: _says(404, "Escalation policy not found"),
    _C.TEMPLATE_NOT_FOUND: _says(404, "Message template not found"),
    _C.ON_CALL_NOT_FOUND: _says(404, "On-call rotation not found"),
    _C.OVERRIDE_NOT_FOUND: _says(404, "On-call rotation not found"),
    _C.KEY_NOT_FOUND: _says(404, "API key not found"),
    _C.ON_CALL_NAMED: _reason(409),
    _C.CHANGED_MEANWHILE: lambda _: UpdownConflict(409, "Others changed it at the same time, try again"),
    _C.MAINTENANCE_NOT_OPEN: _says(409, "Maintenance window is not open"),
    _C.ROTATED_TOO_OFTEN: _says(409, "Rotated too often: too many former ones still count"),
    _C.TOO_MANY_CONFIRMATIONS: _says(429, "Too many addresses were asked to confirm, try again later", "3600"),
    _C.WRONG_TIME: _says(503, "The change is not made: the clock of a server is wrong ({detail})", "1"),
}


def error_of(rejection: Rejection) -> UpdownError:
    """The error that ends the request."""
    return _ANSWERS[rejection.code](rejection)
