"""The format of declarations: what may stand in a file, as structs. Pure.

Fields are those of the REST APIs, of the same types, so that no limit is written twice; things are named by their key
(a slug, or a name) instead of an id. From `Document` follow what is accepted, the JSON Schema that editors use
(docs/declarations.schema.json), and what an error says. A field that is left out has its default, but for
`paused` and what is secret, which stay as they are.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct, structs

from query_api.healthchecks.check_bodies import UpdateCheckBody
from query_api.poppaping.alerts import CreateAlertChannelBody
from query_api.poppaping.escalations import UpdateEscalationPolicyBody
from query_api.poppaping.maintenance_bodies import UpdateMaintenanceWindowBody
from query_api.poppaping.monitor_fields import UpdateMonitorBody
from query_api.poppaping.status_pages import UpdateStatusPageBody
from schemas.channels.kinds import KindName
from schemas.escalations import MOST_CHANNELS, MOST_ON_CALL, MOST_STEPS, Minutes, PolicyName
from schemas.escalations import MOST_NAMED as MOST_POLICY_THINGS
from schemas.maintenance import MOST_NAMED, Tag
from schemas.managed import MOST_CHARACTERS
from schemas.published import portable
from schemas.status_pages import MOST_COMPONENTS, Words

DEFAULT_SET = "default"
SCHEMA_FILE = "docs/declarations.schema.json"
SCHEMA_PATH = "/docs/declarations.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

SetName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MOST_CHARACTERS,
        pattern=r"^[a-z0-9_-]*\Z",
        description="The set of the declarations in this file. `--prune` deletes only definitions of the same set.",
    ),
]
Slug = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-z0-9_-]*\Z")]
PageSlug = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[a-z0-9-]*\Z")]
MonitorName = Annotated[str, Meta(min_length=1, max_length=200)]
ChannelName = Annotated[str, Meta(min_length=1, max_length=100)]
RotationName = Annotated[str, Meta(min_length=1, max_length=200)]
WindowName = Annotated[str, Meta(min_length=1, max_length=200)]

_Channels = Annotated[
    list[ChannelName],
    Meta(max_length=1_000, description="Names of channels. Default: all channels of the project; empty: none."),
]
_DependsOn = Annotated[
    list[MonitorName],
    Meta(max_length=10, description="Names of monitors; while one of them is down, this monitor sends no alerts."),
]
_Tags = Annotated[list[Tag], Meta(max_length=250, description="Tags of the check.")]
_Formerly = "Its key before a rename: the thing that has it is renamed."


def _formerly(of: Any) -> Any:
    return Annotated[of, Meta(description=_Formerly)] | UnsetType


def _declared(name: str, doc: str, body: type[Struct], without: Collection[str], **more: Any) -> type[Struct]:
    """The fields of a body of the REST APIs, without some. more: fields that are named instead; a tuple has a default,
    others must be given."""
    kept = [
        (each.name, each.type, each.default)
        for each in structs.fields(body)
        if each.name not in without and each.name not in more
    ]
    given = [(field, *each) if isinstance(each, tuple) else (field, each) for field, each in more.items()]
    made = defstruct(
        name, [*given, *kept], kw_only=True, forbid_unknown_fields=True, namespace={"__doc__": doc}, module=__name__
    )
    return made


DeclaredCheck = _declared(
    "DeclaredCheck",
    "A heartbeat check; its key is its slug.",
    UpdateCheckBody,
    {"api_key", "slug", "subject", "subject_fail", "mute_until", "managed_by"},
    formerly=(_formerly(Slug), UNSET),
    tags=(_Tags | UnsetType, UNSET),
    channels=(_Channels | UnsetType, UNSET),
)
DeclaredMonitor = _declared(
    "DeclaredMonitor",
    "A monitor; its key is its name.",
    UpdateMonitorBody,
    {"name", "alert_channel_ids", "mute_until", "managed_by"},
    formerly=(_formerly(MonitorName), UNSET),
    channels=(_Channels | UnsetType, UNSET),
    depends_on=(_DependsOn | UnsetType, UNSET),
)
DeclaredChannel = _declared(
    "DeclaredChannel",
    "A channel; its key is its name. Its `type` says which of the other fields it has.",
    CreateAlertChannelBody,
    {"name", "channel_type", "on_every_monitor", "managed_by"},
    type=KindName,
    formerly=(_formerly(ChannelName), UNSET),
)


class DeclaredComponent(Struct, kw_only=True, forbid_unknown_fields=True):
    """A monitor or a check on a page: one of the two."""

    monitor: Annotated[MonitorName, Meta(description="The name of a monitor.")] | UnsetType = UNSET
    check: Annotated[Slug, Meta(description="The slug of a check.")] | UnsetType = UNSET
    name: Annotated[Words, Meta(description="Name on the page; empty: the name of the component itself.")] = ""
    group: Annotated[Words, Meta(description="Empty: in no group.")] = ""


DeclaredStatusPage = _declared(
    "DeclaredStatusPage",
    "A status page; its key is its slug, a part of its address.",
    UpdateStatusPageBody,
    {"slug", "managed_by"},
    title=Annotated[str, Meta(min_length=1, max_length=200)],
    formerly=(_formerly(PageSlug), UNSET),
    components=(Annotated[list[DeclaredComponent], Meta(max_length=MOST_COMPONENTS)] | UnsetType, UNSET),
)
DeclaredWindow = _declared(
    "DeclaredWindow",
    "A window of maintenance; its key is its name. Either `starts_at` and `ends_at`, or `schedule` and "
    "`duration_minutes`. One that names nothing covers all of the project.",
    UpdateMaintenanceWindowBody,
    {"name", "monitor_ids", "check_ids", "managed_by"},
    formerly=(_formerly(WindowName), UNSET),
    monitors=(
        Annotated[list[MonitorName], Meta(max_length=MOST_NAMED, description="Names of monitors.")] | UnsetType,
        UNSET,
    ),
    checks=(Annotated[list[Slug], Meta(max_length=MOST_NAMED, description="Slugs of checks.")] | UnsetType, UNSET),
)


class DeclaredStep(Struct, kw_only=True, forbid_unknown_fields=True):
    """A step of an escalation policy: who is told when nobody has acknowledged an incident for so long."""

    after_minutes: Annotated[Minutes, Meta(description="From the beginning of the round; each later than the last.")]
    channels: Annotated[list[ChannelName], Meta(max_length=MOST_CHANNELS, description="Names of channels.")] = []
    own_channels: Annotated[bool, Meta(description="Also the channels of the thing itself.")] = False
    on_call: Annotated[
        list[RotationName],
        Meta(max_length=MOST_ON_CALL, description="Names of on-call rotations, which files do not make."),
    ] = []


DeclaredEscalation = _declared(
    "DeclaredEscalation",
    "An escalation policy; its key is its name. One that names no monitor and no check is for all that no other names.",
    UpdateEscalationPolicyBody,
    {"name", "monitor_ids", "managed_by"},
    formerly=(_formerly(PolicyName), UNSET),
    steps=Annotated[list[DeclaredStep], Meta(max_length=MOST_STEPS)],
    monitors=(
        Annotated[list[MonitorName], Meta(max_length=MOST_POLICY_THINGS, description="Names of monitors.")] | UnsetType,
        UNSET,
    ),
    checks=(
        Annotated[list[Slug], Meta(max_length=MOST_POLICY_THINGS, description="Slugs of checks.")] | UnsetType,
        UNSET,
    ),
)


class Document(Struct, kw_only=True, forbid_unknown_fields=True):
    """Declarations of a project for `pingfold apply`."""

    managed_by: SetName = DEFAULT_SET
    channels: dict[ChannelName, DeclaredChannel] = {}  # type: ignore[valid-type]
    checks: dict[Slug, DeclaredCheck] = {}  # type: ignore[valid-type]
    monitors: dict[MonitorName, DeclaredMonitor] = {}  # type: ignore[valid-type]
    status_pages: dict[PageSlug, DeclaredStatusPage] = {}  # type: ignore[valid-type]
    maintenance: dict[WindowName, DeclaredWindow] = {}  # type: ignore[valid-type]
    escalations: dict[PolicyName, DeclaredEscalation] = {}  # type: ignore[valid-type]


# The types of keys and things of each section, in the order in which things are made.
SECTIONS: Mapping[str, tuple[Any, type[Struct]]] = {
    "channels": (ChannelName, DeclaredChannel),
    "checks": (Slug, DeclaredCheck),
    "monitors": (MonitorName, DeclaredMonitor),
    "status_pages": (PageSlug, DeclaredStatusPage),
    "maintenance": (WindowName, DeclaredWindow),
    "escalations": (PolicyName, DeclaredEscalation),
}


def json_schema() -> bytes:
    """The JSON Schema of a file, byte for byte the same on every machine."""
    schema: dict[str, Any] = portable(msgspec.json.schema(Document))
    whole = {"$schema": _DIALECT, "$id": "urn:pingfold:declarations", **schema}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"
