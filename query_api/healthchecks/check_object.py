"""The check object of the Management API: the 29 keys of Healthchecks (24 for a read-only key) and ours. Pure.

Ours, which clients must tolerate: `last_success`, `last_exitstatus`, `late_limit`, `run_limit`, `not_observed`,
`mute_until`, `managed_by`.
"""

import hashlib
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.healthchecks.status import StatusWord, present_check
from query_api.http.field_types import Count, Time, Url, Uuid
from query_api.mutes import show_mute
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.managed import ManagedBy
from schemas.schedules import Simple
from schemas.times import iso_or_none

CheckMethods = Literal["", "POST"]


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


class CheckObject(Struct, kw_only=True, gc=False):
    """A check. A read-only key sees `unique_key` instead of `uuid`, the four URLs and `channels`. A check has either
    `timeout`, or `schedule` and `tz`."""

    name: str
    slug: str
    tags: Annotated[str, Meta(description="Separated by spaces.")]
    desc: str
    grace: Annotated[int, Meta(description="Seconds.")]
    n_pings: Annotated[Count, Meta(description="Number of pings received.")]
    status: Annotated[StatusWord, Meta(description="`started` only in version 1.")]
    started: Annotated[bool, Meta(description="Whether a run is open.")]
    last_ping: Time | None
    next_ping: Annotated[Time | None, Meta(description="When the next ping is expected.")]
    manual_resume: bool
    methods: CheckMethods
    subject: Annotated[str, Meta(extra_json_schema={"deprecated": True})]
    subject_fail: Annotated[str, Meta(extra_json_schema={"deprecated": True})]
    start_kw: str
    success_kw: str
    failure_kw: str
    filter_subject: bool
    filter_body: bool
    filter_http_body: bool
    filter_default_fail: bool
    badge_url: Url
    last_duration: Annotated[Count, Meta(description="Of the last run that ended, in seconds.")] | UnsetType = UNSET
    unique_key: str | UnsetType = UNSET
    uuid: Uuid | UnsetType = UNSET
    ping_url: Url | UnsetType = UNSET
    update_url: Url | UnsetType = UNSET
    pause_url: Url | UnsetType = UNSET
    resume_url: Url | UnsetType = UNSET
    channels: Annotated[str, Meta(description="Ids of channels, separated by commas.")] | UnsetType = UNSET
    timeout: Annotated[int, Meta(description="The period in seconds.")] | UnsetType = UNSET
    schedule: Annotated[str, Meta(description="A cron or OnCalendar expression.")] | UnsetType = UNSET
    tz: Annotated[str, Meta(description="An IANA time zone.")] | UnsetType = UNSET
    last_success: Time | None
    last_exitstatus: Annotated[int, Meta(ge=0, le=255)] | None
    late_limit: Annotated[int | None, Meta(description="Seconds by which a ping may be late; null: `grace`.")]
    run_limit: Annotated[int | None, Meta(description="Maximum duration of a run in seconds; null: `grace`.")]
    not_observed: Annotated[bool, Meta(description="Whether a run was due while Pingfold could not be reached.")]
    mute_until: Annotated[
        str | None, Meta(description="End of the mute: `recovery`, `forever` or a time; null: not muted.")
    ]
    managed_by: ManagedBy | UnsetType = UNSET


def check_object(
    check: Check, state: CheckState | None, at: Micros, urls: Urls, read_only: bool = False
) -> CheckObject:
    """The object for `check` with the running state `state`, as it stands at `at`."""
    now = present_check(check, state, at, urls.version)
    state = state or CheckState(version=0)
    made = CheckObject(
        name=check.name,
        slug=check.slug,
        tags=check.tags,
        desc=check.desc,
        grace=check.grace,
        n_pings=state.pings,
        status=now.status,
        started=now.started,
        last_ping=iso_or_none(state.last_ping),
        next_ping=iso_or_none(now.next_ping),
        manual_resume=check.manual_resume,
        methods=check.methods,
        subject=check.success_kw if check.filter_subject else "",
        subject_fail=check.failure_kw if check.filter_subject else "",
        start_kw=check.start_kw,
        success_kw=check.success_kw,
        failure_kw=check.failure_kw,
        filter_subject=check.filter_subject,
        filter_body=check.filter_body,
        filter_http_body=check.filter_http_body,
        filter_default_fail=check.filter_default_fail,
        badge_url=f"{urls.site}/b/2/{badge_key(check.id)}.svg",
        last_success=iso_or_none(state.last_success),
        last_exitstatus=state.last_exitstatus,
        late_limit=check.late_limit,
        run_limit=check.run_limit,
        not_observed=state.unobserved,
        mute_until=show_mute(check.mute_until),
    )
    if state.last_duration is not None:
        made.last_duration = state.last_duration // SECOND
    if read_only:
        made.unique_key = unique_key(check.id)
    else:
        url = urls.check(check.id)
        made.uuid = check.id
        made.ping_url = urls.ping_base + check.id
        made.update_url = url
        made.pause_url = f"{url}/pause"
        made.resume_url = f"{url}/resume"
        made.channels = ",".join(sorted(check.channels))
        made.managed_by = check.managed_by or UNSET
    if isinstance(check.schedule, Simple):
        made.timeout = check.schedule.period
    else:
        made.schedule = check.schedule.expression
        made.tz = check.schedule.tz
    return made
