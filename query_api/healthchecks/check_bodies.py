"""The bodies of requests about a check. `query_api.healthchecks.fields` judges by these types, in this order and with
the texts of Healthchecks; other fields are ignored."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.mutes import TAKES
from query_api.slugs import MAX_SLUG
from schemas.managed import ManagedBy
from schemas.requests import UniqueField
from schemas.schedules import MAX_EXPRESSION

# Healthchecks.io names no limit. Lists show all descriptions of a project, so one is needed.
LONGEST_DESCRIPTION = 20_000

BodyKey = Annotated[str, Meta(description="An API key, instead of the header.", extra_json_schema={"writeOnly": True})]

_Seconds = Annotated[int, Meta(ge=60, le=31_536_000)]
_Grace = Annotated[
    _Seconds, Meta(description="Seconds by which a ping may be late, and the maximum duration of a run.")
]
_LateLimit = Annotated[
    Annotated[int, Meta(ge=0, le=31_536_000)] | None,
    Meta(description="Seconds by which a ping may be late; null: `grace`."),
]
_RunLimit = Annotated[_Seconds | None, Meta(description="Maximum duration of a run in seconds; null: `grace`.")]
_Period = Annotated[_Seconds, Meta(description="The expected interval between pings in seconds.")]
_Channels = Annotated[str, Meta(description="`*` for all, empty for none, or ids or exact names with commas.")]
_Schedule = Annotated[
    str,
    Meta(max_length=MAX_EXPRESSION, description="A cron or OnCalendar expression; takes precedence over `timeout`."),
]
_Zone = Annotated[str, Meta(description="The IANA time zone of `schedule`.")]
_Methods = Annotated[Literal["", "POST"], Meta(description="`POST`: pings by other methods do not count.")]
_Keywords = Annotated[str, Meta(max_length=200)]
_Subject = Annotated[str, Meta(max_length=200, extra_json_schema={"deprecated": True})]
_Unique = Annotated[
    tuple[UniqueField, ...],
    Meta(description="Update the oldest check with the same values in these fields, if there is one."),
]


class UpdateCheckBody(Struct, kw_only=True):
    """The fields of a check to change."""

    channels: _Channels | UnsetType = UNSET
    desc: Annotated[str, Meta(max_length=LONGEST_DESCRIPTION)] | UnsetType = UNSET
    failure_kw: _Keywords | UnsetType = UNSET
    filter_subject: bool | UnsetType = UNSET
    filter_body: bool | UnsetType = UNSET
    filter_http_body: bool | UnsetType = UNSET
    filter_default_fail: bool | UnsetType = UNSET
    grace: _Grace | UnsetType = UNSET
    late_limit: _LateLimit | UnsetType = UNSET
    managed_by: ManagedBy | UnsetType = UNSET
    manual_resume: bool | UnsetType = UNSET
    methods: _Methods | UnsetType = UNSET
    mute_until: Annotated[str | None, Meta(description=TAKES)] | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    run_limit: _RunLimit | UnsetType = UNSET
    schedule: _Schedule | UnsetType = UNSET
    slug: Annotated[str, Meta(max_length=MAX_SLUG, pattern=r"^[a-z0-9_-]*\Z")] | UnsetType = UNSET
    start_kw: _Keywords | UnsetType = UNSET
    subject: _Subject | UnsetType = UNSET
    subject_fail: _Subject | UnsetType = UNSET
    success_kw: _Keywords | UnsetType = UNSET
    tags: Annotated[str, Meta(max_length=500, description="Separated by spaces.")] | UnsetType = UNSET
    timeout: _Period | UnsetType = UNSET
    tz: _Zone | UnsetType = UNSET
    api_key: BodyKey | UnsetType = UNSET


class CreateCheckBody(UpdateCheckBody, kw_only=True):
    """The fields of a new check."""

    unique: _Unique | UnsetType = UNSET
