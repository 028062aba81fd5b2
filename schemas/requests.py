"""The `projects` journal: requests to create, change or delete something. Their decisions: `schemas.decisions`.

Each request has an id (`request`, a random UUID) and a time; its decision has the same id. A request that creates
something contains a random id for it; the fold decides whether it is created or already exists.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from schemas.base import Fact, Micros
from schemas.calendar_feeds import CalendarRequest
from schemas.channel_requests import ChannelCreate as ChannelCreate
from schemas.channel_requests import ChannelDelete as ChannelDelete
from schemas.channel_requests import ChannelFields as ChannelFields
from schemas.channel_requests import ChannelRequest as ChannelRequest
from schemas.channel_requests import ChannelRotateSecret as ChannelRotateSecret
from schemas.channel_requests import ChannelUpdate as ChannelUpdate
from schemas.channel_requests import ConfirmationResend as ConfirmationResend
from schemas.channel_requests import RecipientBlock as RecipientBlock
from schemas.channel_requests import RecipientConfirm as RecipientConfirm
from schemas.channel_requests import RecipientUnblock as RecipientUnblock
from schemas.check_fields import CheckFields as CheckFields
from schemas.claims import CheckClaim as CheckClaim
from schemas.claims import CheckClaimed as CheckClaimed
from schemas.claims import ClaimReleased as ClaimReleased
from schemas.definitions import ApiKey, Project
from schemas.incident_requests import EscalationCreate as EscalationCreate
from schemas.incident_requests import EscalationDelete as EscalationDelete
from schemas.incident_requests import EscalationUpdate as EscalationUpdate
from schemas.incident_requests import IncidentAcknowledge as IncidentAcknowledge
from schemas.incident_requests import IncidentComment as IncidentComment
from schemas.incident_requests import IncidentRelease as IncidentRelease
from schemas.incident_requests import TagMuteSet as TagMuteSet
from schemas.maintenance import MOST_NAMED, Tag, Window
from schemas.managed import ManagedBy
from schemas.message_templates import TemplateCreate as TemplateCreate
from schemas.message_templates import TemplateDelete as TemplateDelete
from schemas.message_templates import TemplateUpdate as TemplateUpdate
from schemas.monitors import (
    ApdexThreshold,
    Confirmations,
    ConfirmInterval,
    Dependencies,
    DependencyWait,
    Interval,
    MonitorKind,
    ProbeTarget,
    Region,
    Timeout,
)
from schemas.mutes import MuteUntil
from schemas.on_call_requests import OnCallRequest
from schemas.page_looks import Accent, Domain, Logo
from schemas.page_subscribers import PageSubscribe as PageSubscribe
from schemas.page_subscribers import PageSubscriptionConfirm as PageSubscriptionConfirm
from schemas.page_subscribers import PageSubscriptionEnd as PageSubscriptionEnd
from schemas.page_subscribers import SubscriberRequest as SubscriberRequest
from schemas.people import CodeUse as CodeUse
from schemas.people import CodeWrong as CodeWrong
from schemas.people import MemberAccept as MemberAccept
from schemas.people import MemberChange as MemberChange
from schemas.people import MemberInvite as MemberInvite
from schemas.people import MemberRemove as MemberRemove
from schemas.people import PeopleRequest
from schemas.people import PersonMade as PersonMade
from schemas.people import PersonRemove as PersonRemove
from schemas.people import PersonUpdate as PersonUpdate
from schemas.people import SessionEnd as SessionEnd
from schemas.project_news import ChannelDisabled as ChannelDisabled
from schemas.project_news import ChannelFailing as ChannelFailing
from schemas.project_news import MuteEnded as MuteEnded
from schemas.project_news import OutageEnded as OutageEnded
from schemas.project_news import ThingsUnobserved as ThingsUnobserved
from schemas.reports import ReportMade as ReportMade
from schemas.reports import ReportSchedule as ReportSchedule
from schemas.request_base import DAY as DAY
from schemas.request_base import LONGEST_OVERLAP as LONGEST_OVERLAP
from schemas.request_base import Overlap as Overlap
from schemas.request_base import Request as Request
from schemas.status_pages import AccessKey, Components, Description, PageSlug, PasswordHash, Sections, Title
from schemas.status_posts import PostCreate as PostCreate
from schemas.status_posts import PostDelete as PostDelete
from schemas.status_posts import PostEdit as PostEdit
from schemas.status_posts import PostRequest as PostRequest
from schemas.status_posts import PostUpdate as PostUpdate

PingKey = Annotated[str, Meta(pattern=r"^[-a-zA-Z0-9_]{16,100}\Z")]

UniqueField = Literal["name", "slug", "tags", "timeout", "grace"]


class ProjectCreate(Request, tag="project.create", frozen=True):
    """Creates a project with its first keys; refused if the id exists."""

    project: Project
    keys: tuple[ApiKey, ...] = ()


class ProjectRename(Request, tag="project.rename", frozen=True):
    """Gives the project another name."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]


class KeyCreate(Request, tag="key.create", frozen=True):
    key: ApiKey


class KeyRevoke(Request, tag="key.revoke", frozen=True):
    id: str


class KeyRotate(Request, tag="key.rotate", frozen=True):
    """Creates `key` with the rights, name and scopes of the key `id`.

    The old key expires after `overlap` seconds, or earlier if it would have; with overlap 0 it is revoked.
    """

    id: str
    key: ApiKey
    overlap: Overlap = DAY


class ProjectRotatePingKey(Request, tag="project.rotate-ping-key", frozen=True):
    """Replaces the ping key of the project; pings with the old one are accepted for `overlap` more seconds."""

    ping_key: PingKey
    overlap: Overlap = DAY


class ProjectRotateWebhookSecret(Request, tag="project.rotate-webhook-secret", frozen=True):
    """Replaces the webhook secret (encrypted) of the project; for `overlap` seconds both secrets sign."""

    secret: str
    overlap: Overlap = DAY


class CheckCreate(Request, tag="check.create", frozen=True):
    """Creates a check with the candidate `id`.

    `unique`: when a check agrees in all these fields with the request, that one is updated instead (the oldest).
    `provision`: made by a ping with create=1: the slug decides; a check that is there is found, not changed, and every
    channel of the project is put on a new one.
    """

    id: str
    fields: CheckFields = CheckFields()
    unique: tuple[UniqueField, ...] = ()
    provision: bool = False


class CheckUpdate(Request, tag="check.update", frozen=True):
    id: str
    fields: CheckFields


class CheckDelete(Request, tag="check.delete", frozen=True):
    id: str


class MonitorFields(Fact, tag=False, frozen=True):
    """The fields of a monitor that a request sets; fields that are left out keep their value or default.

    A name that is set is not derived, unless `name_derived` says so. `regions` that are set lift `excluded_regions`.
    `channels`: as of a check; not set for a new monitor: every channel of the project. `mute_until`: as of a check.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    kind: MonitorKind | UnsetType = UNSET
    target: ProbeTarget | UnsetType = UNSET
    interval: Interval | UnsetType = UNSET
    timeout: Timeout | UnsetType = UNSET
    regions: tuple[Region, ...] | UnsetType = UNSET
    probed_from: Annotated[tuple[Region, ...], Meta(min_length=1)] | UnsetType = UNSET
    confirmations: Confirmations | UnsetType = UNSET
    recoveries: Confirmations | UnsetType = UNSET
    confirm_interval: ConfirmInterval | UnsetType | None = UNSET
    paused: bool | UnsetType = UNSET
    channels: str | UnsetType = UNSET
    depends_on: Dependencies | UnsetType = UNSET
    dependency_wait: DependencyWait | UnsetType = UNSET
    name_derived: bool | UnsetType = UNSET
    apdex_threshold: ApdexThreshold | UnsetType = UNSET
    published: bool | UnsetType = UNSET
    excluded_regions: tuple[Region, ...] | UnsetType = UNSET
    mute_until: MuteUntil | UnsetType = UNSET
    managed_by: ManagedBy | UnsetType = UNSET


class MonitorCreate(Request, tag="monitor.create", frozen=True):
    """Creates a monitor with the candidate `id`. `most`: refused if the project has this many already.

    unique_target: refused when another monitor of the project has the same target (`schemas.targets.place_of`).
    """

    id: str
    fields: MonitorFields
    most: int | None = None
    unique_target: bool = False


class MonitorUpdate(Request, tag="monitor.update", frozen=True):
    """Changes a monitor. unique_target: as in `monitor.create`."""

    id: str
    fields: MonitorFields
    unique_target: bool = False


class MonitorDelete(Request, tag="monitor.delete", frozen=True):
    id: str


class StatusPageFields(Fact, tag=False, frozen=True):
    """The fields of a status page that a request sets; fields that are left out keep their value or default.

    `password`: hashed; empty: public. With a new one the page is not private, and its `access_key` is gone, unless the
    request says otherwise.
    """

    title: Title | UnsetType = UNSET
    slug: PageSlug | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    components: Components | UnsetType = UNSET
    password: PasswordHash | UnsetType = UNSET
    access_key: AccessKey | UnsetType = UNSET
    private: bool | UnsetType = UNSET
    managed_by: ManagedBy | UnsetType = UNSET
    sections: Sections | UnsetType = UNSET
    logo: Logo | UnsetType = UNSET
    accent: Accent | UnsetType = UNSET
    domain: Domain | UnsetType = UNSET


class StatusPageCreate(Request, tag="status-page.create", frozen=True):
    """Creates a status page with the candidate `id`."""

    id: str
    fields: StatusPageFields


class StatusPageUpdate(Request, tag="status-page.update", frozen=True):
    id: str
    fields: StatusPageFields


class StatusPageDelete(Request, tag="status-page.delete", frozen=True):
    id: str


PageRequest = StatusPageCreate | StatusPageUpdate | StatusPageDelete | PostRequest | SubscriberRequest


class MaintenanceFields(Fact, tag=False, frozen=True):
    """The fields of a window that a request sets; fields that are left out keep their value or default."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    window: Window | UnsetType = UNSET
    monitors: tuple[str, ...] | UnsetType = UNSET
    checks: tuple[str, ...] | UnsetType = UNSET
    tags: Annotated[tuple[Tag, ...], Meta(max_length=MOST_NAMED)] | UnsetType = UNSET
    everything: bool | UnsetType = UNSET
    managed_by: ManagedBy | UnsetType = UNSET


class MaintenanceRequest(Request, frozen=True):
    """`partitions`: as `partition_count`. Only older workers need it: a window is told in every partition."""

    id: str
    partitions: Annotated[int, Meta(ge=1, le=1_024)]


class MaintenanceCreate(MaintenanceRequest, tag="maintenance.create", frozen=True):
    """Creates a window with the candidate `id`, unless a window of the project with this `key` has not ended."""

    fields: MaintenanceFields
    key: str = ""


class MaintenanceUpdate(MaintenanceRequest, tag="maintenance.update", frozen=True):
    fields: MaintenanceFields


class MaintenanceExtend(MaintenanceRequest, tag="maintenance.extend", frozen=True):
    """Extends the open occurrence of a window until then, unless it lasts longer already. Refused if none is open."""

    until: Micros


class MaintenanceEnd(MaintenanceRequest, tag="maintenance.end", frozen=True):
    """Ends the open occurrence of a window now. Changes nothing if none is open; refused if it has not begun."""


class MaintenanceDelete(MaintenanceRequest, tag="maintenance.delete", frozen=True):
    pass


ProjectsRequest = (
    ProjectCreate
    | ProjectRename
    | KeyCreate
    | KeyRevoke
    | KeyRotate
    | ProjectRotatePingKey
    | ProjectRotateWebhookSecret
    | ChannelRequest
    | CheckCreate
    | CheckClaim
    | CheckClaimed
    | CheckUpdate
    | CheckDelete
    | MonitorCreate
    | MonitorUpdate
    | MonitorDelete
    | MaintenanceCreate
    | MaintenanceUpdate
    | MaintenanceExtend
    | MaintenanceEnd
    | MaintenanceDelete
    | PageRequest
    | EscalationCreate
    | EscalationUpdate
    | EscalationDelete
    | OnCallRequest
    | CalendarRequest
    | TagMuteSet
    | IncidentAcknowledge
    | IncidentRelease
    | IncidentComment
    | ReportSchedule
    | ReportMade
    | PeopleRequest
)


# The journal `projects`, besides ticks.
ProjectsEvent = (
    ProjectsRequest | ClaimReleased | ChannelDisabled | ChannelFailing | MuteEnded | OutageEnded | ThingsUnobserved
)
