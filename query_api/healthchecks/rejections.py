"""How the Management API answers a request that the `projects` fold rejects: every code has its answer here. Pure."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from query_api.healthchecks.fields import NO_SCHEDULE
from query_api.http.refusals import ApiError, Unavailable
from schemas.rejections import Rejection, RejectionCode

_Answer: TypeAlias = Callable[[Rejection], ApiError]


def _reason(status: int, headers: dict[str, str] | None = None) -> _Answer:
    """The status with the reason in words."""
    return lambda rejection: ApiError(status, rejection.reason, headers)


def _not_found(_: Rejection) -> ApiError:
    return ApiError(404, "not found")


_C = RejectionCode
_ANSWERS: Mapping[RejectionCode, _Answer] = {
    _C.CHANNEL_IDENTIFIER_EMPTY: _reason(400),
    _C.CHANNEL_IDENTIFIER_INVALID: _reason(400),
    _C.CHANNEL_IDENTIFIER_AMBIGUOUS: _reason(400),
    _C.COMPONENT_NOT_FOUND: _reason(400),
    _C.COVERED_MONITOR_NOT_FOUND: _reason(400),
    _C.DEPENDENCY_NOT_FOUND: _reason(400),
    _C.DEPENDENCY_LOOP: _reason(400),
    _C.ON_CALL_IDENTIFIER_INVALID: _reason(400),
    _C.TARGET_TAKEN: _reason(400),
    _C.INVALID_REQUEST: _reason(400),
    _C.NAME_TAKEN: lambda rejection: ApiError(
        400, f"another one is named '{rejection.detail}' already, and declarations go by names"
    ),
    _C.INVALID_SCHEDULE: lambda _: ApiError(400, NO_SCHEDULE),
    _C.PROJECT_NOT_FOUND: lambda _: ApiError(401, "wrong api key"),
    _C.LIMIT_REACHED: lambda _: ApiError(403),
    _C.CHECK_NOT_FOUND: _not_found,
    _C.MONITOR_NOT_FOUND: _not_found,
    _C.CHANNEL_NOT_FOUND: _not_found,
    _C.STATUS_PAGE_NOT_FOUND: _not_found,
    _C.STATUS_POST_NOT_FOUND: _not_found,
    _C.SUBSCRIBER_NOT_FOUND: _not_found,
    _C.MAINTENANCE_NOT_FOUND: _not_found,
    _C.ESCALATION_NOT_FOUND: _not_found,
    _C.TEMPLATE_NOT_FOUND: _not_found,
    _C.ON_CALL_NOT_FOUND: _not_found,
    _C.OVERRIDE_NOT_FOUND: _not_found,
    _C.KEY_NOT_FOUND: _not_found,
    _C.RECIPIENT_NOT_FOUND: _not_found,
    _C.PERSON_NOT_FOUND: _not_found,
    _C.LAST_OWNER: _not_found,
    _C.ALREADY_EXISTS: _reason(409),
    _C.CHANGED_MEANWHILE: lambda rejection: ApiError(
        409, rejection.reason if rejection.detail else "others changed it at the same time; try again"
    ),
    _C.ON_CALL_NAMED: _reason(409),
    _C.MAINTENANCE_NOT_OPEN: _reason(409),
    _C.AMBIGUOUS_SLUG: _reason(409),
    _C.WRONG_CHANNEL_KIND: _reason(409),
    _C.WRONG_KEY_KIND: _reason(409),
    _C.ROTATED_TOO_OFTEN: _reason(409),
    _C.UNKNOWN: _reason(409),
    _C.TOO_MANY_CONFIRMATIONS: _reason(429, {"Retry-After": "3600"}),
    _C.WRONG_TIME: lambda rejection: Unavailable(
        f"the change is not made: the clock of a server is wrong ({rejection.detail})"
    ),
}


def refusal_of(rejection: Rejection) -> ApiError:
    """The error that ends the request."""
    return _ANSWERS[rejection.code](rejection)
