"""The check object of the Management API: the 29 keys of Healthchecks (24 for a read-only key) and ours. Pure.

Ours, which clients must tolerate: `last_success`, `last_exitstatus`, `late_limit`, `run_limit`, `not_observed`.
"""

import hashlib
from functools import lru_cache
from typing import Any, NamedTuple

from query_api.healthchecks.status import present_check
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.schedules import Simple
from schemas.times import iso_or_none


class Urls(NamedTuple):
    """Where a check is found: `ping_base` and `site` as in the settings, `version` of the API that was asked."""

    ping_base: str
    site: str
    version: int = 3

    def check(self, id: str) -> str:
        """The URL of a check in the API."""
        return f"{self.site}/api/v{self.version}/checks/{id}"


@lru_cache(maxsize=65_536)
def unique_key(id: str) -> str:
    """The name of a check for those who may only read; the id cannot be told from it."""
    return hashlib.sha1(id.replace("-", "")[:16].encode("ascii"), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=65_536)
def badge_key(id: str) -> str:
    """The name of a check in badge URLs, which are public; the id cannot be told from it."""
    return derived_id("badge", id)


def check_object(
    check: Check, state: CheckState | None, at: Micros, urls: Urls, read_only: bool = False
) -> dict[str, Any]:
    """The object for `check` with the running state `state`, as it stands at `at`."""
    now = present_check(check, state, at, urls.version)
    state = state or CheckState(version=0)
    fields: dict[str, Any] = {
        "name": check.name,
        "slug": check.slug,
        "tags": check.tags,
        "desc": check.desc,
        "grace": check.grace,
        "n_pings": state.pings,
        "status": now.status,
        "started": now.started,
        "last_ping": iso_or_none(state.last_ping),
        "next_ping": iso_or_none(now.next_ping),
        "manual_resume": check.manual_resume,
        "methods": check.methods,
        "subject": check.success_kw if check.filter_subject else "",
        "subject_fail": check.failure_kw if check.filter_subject else "",
        "start_kw": check.start_kw,
        "success_kw": check.success_kw,
        "failure_kw": check.failure_kw,
        "filter_subject": check.filter_subject,
        "filter_body": check.filter_body,
        "filter_http_body": check.filter_http_body,
        "filter_default_fail": check.filter_default_fail,
        "badge_url": f"{urls.site}/b/2/{badge_key(check.id)}.svg",
    }
    if state.last_duration is not None:
        fields["last_duration"] = state.last_duration // SECOND
    if read_only:
        fields["unique_key"] = unique_key(check.id)
    else:
        url = urls.check(check.id)
        fields |= {
            "uuid": check.id,
            "ping_url": urls.ping_base + check.id,
            "update_url": url,
            "pause_url": f"{url}/pause",
            "resume_url": f"{url}/resume",
            "channels": ",".join(sorted(check.channels)),
        }
    if isinstance(check.schedule, Simple):
        fields["timeout"] = check.schedule.period
    else:
        fields |= {"schedule": check.schedule.expression, "tz": check.schedule.tz}
    return fields | {
        "last_success": iso_or_none(state.last_success),
        "last_exitstatus": state.last_exitstatus,
        "late_limit": check.late_limit,
        "run_limit": check.run_limit,
        "not_observed": state.unobserved,
    }
