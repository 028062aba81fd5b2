"""The fields of a check that requests of the journal `projects` set. Pure."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from schemas.base import Fact
from schemas.managed import ManagedBy
from schemas.mutes import MuteUntil
from schemas.request_base import Name
from schemas.schedules import MAX_EXPRESSION, Schedule

Limit = Annotated[int, Meta(ge=60, le=31_536_000)]
LateLimit = Annotated[int, Meta(ge=0, le=31_536_000)]
Slug = Annotated[str, Meta(max_length=100, pattern=r"^[a-z0-9_-]*\Z")]
Tags = Annotated[str, Meta(max_length=500)]
Keywords = Annotated[str, Meta(max_length=200)]


class CheckFields(Fact, tag=False, frozen=True):
    """The fields of a check that a request sets; fields that are left out keep their value or default.

    channels: as in the Management API: `*`, an empty string, or a comma-separated list of ids or exact names.
    late_limit, run_limit: null means the value of `grace`. late_limit 0: a ping may not be late at all.
    mute_until: a time that is not later than the request means null.

    The following depend on the check that the fold finds, and apply if the field that they stand for is left out:
    expression: a cron or OnCalendar expression, in the time zone `tz` or else that of the check.
    tz: without an expression, the new time zone of the check's own expression.
    slug_when_renamed: the slug, if the request changes the name.
    filter_subject_while: the filter is on if the check has this keyword.
    """

    name: Name | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    desc: str | UnsetType = UNSET
    schedule: Schedule | UnsetType = UNSET
    grace: Limit | UnsetType = UNSET
    late_limit: LateLimit | UnsetType | None = UNSET
    run_limit: Limit | UnsetType | None = UNSET
    methods: Literal["", "POST"] | UnsetType = UNSET
    manual_resume: bool | UnsetType = UNSET
    start_kw: Keywords | UnsetType = UNSET
    success_kw: Keywords | UnsetType = UNSET
    failure_kw: Keywords | UnsetType = UNSET
    filter_subject: bool | UnsetType = UNSET
    filter_body: bool | UnsetType = UNSET
    filter_http_body: bool | UnsetType = UNSET
    filter_default_fail: bool | UnsetType = UNSET
    channels: str | UnsetType = UNSET
    mute_until: MuteUntil | UnsetType = UNSET
    expression: Annotated[str, Meta(max_length=MAX_EXPRESSION)] | UnsetType = UNSET
    tz: str | UnsetType = UNSET
    slug_when_renamed: Slug | UnsetType = UNSET
    filter_subject_while: Literal["success_kw", "failure_kw"] | UnsetType = UNSET
    managed_by: ManagedBy | UnsetType = UNSET
