"""Random histories of requests to the fold of projects, and the fold that watches its index."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import strategies as st
from msgspec import UNSET

from processors.fold.contract import Context, Effect, Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects, ProjectsPartition
from processors.projects.index import ProjectIndex
from processors.projects.packed_records import PACKER
from schemas.base import SECOND, encode
from schemas.decisions import Decision
from schemas.definitions import ApiKey, Channel, Project
from schemas.recipients import recipient_id
from schemas.rejections import RejectionCode
from schemas.requests import (
    ChannelCreate,
    ChannelDelete,
    ChannelFields,
    ChannelRotateSecret,
    ChannelUpdate,
    CheckCreate,
    CheckDelete,
    CheckFields,
    CheckUpdate,
    ConfirmationResend,
    KeyCreate,
    KeyRevoke,
    KeyRotate,
    MonitorCreate,
    MonitorDelete,
    MonitorFields,
    MonitorUpdate,
    ProjectCreate,
    ProjectRename,
    ProjectRotatePingKey,
    ProjectRotateWebhookSecret,
    ProjectsEvent,
    ProjectsRequest,
    RecipientBlock,
    RecipientConfirm,
    RecipientUnblock,
    StatusPageCreate,
    StatusPageDelete,
    StatusPageFields,
    StatusPageUpdate,
)
from schemas.schedules import Cron, Simple
from schemas.status_pages import Component
from schemas.ticks import PROGRESS_KEY, Tick, TimeCorrected

Event = tuple[str, ProjectsRequest | Tick]
States = dict[str, msgspec.Struct]
START = 1_000 * SECOND
WRONG_TIME, INVALID_REQUEST = RejectionCode.WRONG_TIME, RejectionCode.INVALID_REQUEST


class Watched(Projects):
    """The fold, with its index in sight; events at the offsets in `failing` fail after they were applied."""

    def __init__(self, failing: Iterable[int] = ()) -> None:
        self.failing = frozenset(failing)

    def open(self, view: View, partition: int) -> ProjectsPartition:
        fold, self.view = self, view

        class Watching(ProjectsPartition):
            def apply(self, event: ProjectsEvent | Tick | TimeCorrected, context: Context) -> Iterable[Effect]:
                try:
                    return super().apply(event, context)
                finally:  # also of one that is refused, whose rejection would be told
                    if context.offset in fold.failing:
                        raise RuntimeError("after all was done")

        self.opened = Watching(view, partition)
        return self.opened

    def index_is_true(self) -> bool:
        again = View(dict(self.view.items()))
        again.pack_with(PACKER)
        return self.opened.index == ProjectIndex(again)


# Few of each, so that they meet.
projects = st.sampled_from([str(UUID(int=n)) for n in (1, 2)])
check_ids = st.sampled_from([str(UUID(int=n)) for n in range(10, 18)])
channel_ids = st.sampled_from([str(UUID(int=n)) for n in range(20, 23)])
mail_ids = st.sampled_from([str(UUID(int=n)) for n in range(50, 53)])
addresses = st.sampled_from(["a@example.org", "A@example.org", "b@example.org", "c+d@example.org"])
address_lists = st.lists(addresses, min_size=1, max_size=3).map(tuple)
monitor_ids = st.sampled_from([str(UUID(int=n)) for n in range(40, 44)])
key_ids = st.sampled_from([str(UUID(int=n)) for n in (50, 51, 52)])
overlaps = st.sampled_from([0, 10, 60])
page_ids = st.sampled_from([str(UUID(int=n)) for n in (30, 31)])
words = st.sampled_from(["", "a", "b"])
times = st.integers(0, 70).map(lambda seconds: START + seconds * SECOND)
channel_texts = st.sampled_from(["", "*", "a", "b,a", "a,", str(UUID(int=21)), f"{UUID(int=21)},b"])
schedules = st.sampled_from([Simple(period=60), Simple(period=120), Cron(expression="0 2 * * *", tz="UTC")])
fields = st.builds(
    lambda chosen: CheckFields(**chosen),
    st.fixed_dictionaries(
        {},
        optional={
            "name": words,
            "slug": words,
            "tags": words,
            "schedule": schedules,
            "grace": st.sampled_from([60, 120]),
            "channels": channel_texts,
        },
    ),
)
pages = st.builds(
    StatusPageFields,
    title=st.sampled_from(["a", "b"]),
    components=st.lists(st.builds(Component, kind=st.just("check"), id=check_ids), max_size=2).map(tuple),
)
monitor_fields = st.builds(
    MonitorFields,
    name=st.sampled_from(["a", "b"]),
    depends_on=st.one_of(st.just(UNSET), st.lists(monitor_ids, max_size=2, unique=True).map(tuple)),
)
uniques = st.lists(st.sampled_from(["name", "slug", "tags", "timeout", "grace"]), unique=True, max_size=3).map(tuple)
# An event may tell the count of partitions, or be one of an older version.
partitions = st.sampled_from([0, 3])
request: dict[str, Any] = {"request": st.just("r"), "at": times, "partition_count": partitions}


def channels_of(owner: str, kind: str, ids: st.SearchStrategy[str], **fields: Any) -> st.SearchStrategy[Channel]:
    """Channels of one kind that this project may make."""
    fixed = {"project": st.just(owner), "kind": st.just(kind), "created": st.just(0)}
    return st.builds(Channel, id=ids, name=words, **fixed, **fields)


def mail_events(owner: str) -> list[st.SearchStrategy[Any]]:
    """What may happen to channels of mail and to their recipients."""
    mails = channels_of(owner, "email", mail_ids, url=st.just(""), addresses=address_lists)
    readdressed = st.builds(ChannelFields, addresses=address_lists)
    recipients = addresses.map(lambda address: recipient_id(owner, address))
    return [
        st.builds(ChannelCreate, **request, channel=mails, confirm=st.booleans()),
        st.builds(ChannelUpdate, **request, id=mail_ids, fields=readdressed, confirm=st.booleans()),
        st.builds(ConfirmationResend, **request, id=channel_ids | mail_ids),
        st.builds(RecipientConfirm, **request, id=recipients),
        st.builds(RecipientBlock, **request, id=recipients),
        st.builds(RecipientUnblock, **request, address=addresses),
    ]


@cache
def owned(owner: str) -> st.SearchStrategy[Event]:
    """An event that may happen to this project. Made once: to make it anew for each event took most of the time."""
    project = Project(id=owner, name="", ping_key="k", created=0, webhook_secret="s", check_limit=4)
    channels = channels_of(owner, "webhook", channel_ids, url=st.just("http://x/"))
    create = st.builds(CheckCreate, **request, id=check_ids, fields=fields, unique=uniques, provision=st.booleans())
    keys = st.builds(
        ApiKey,
        id=key_ids,
        project=st.just(owner),
        kind=st.just("poppaping"),
        hash=st.just("h"),
        prefix=st.just("p"),
        created=st.just(0),
    )
    events: st.SearchStrategy[Any] = st.one_of(
        create,
        create,
        create,
        st.builds(CheckUpdate, **request, id=check_ids, fields=fields),
        st.builds(CheckDelete, **request, id=check_ids),
        st.builds(ChannelCreate, **request, channel=channels, on_every_check=st.booleans()),
        st.builds(ChannelUpdate, **request, id=channel_ids, fields=st.builds(ChannelFields, name=words)),
        st.builds(ChannelDelete, **request, id=channel_ids | mail_ids),
        *mail_events(owner),
        st.builds(ProjectCreate, **request, project=st.just(project)),
        st.builds(ProjectRename, **request, name=st.sampled_from(["Shop", "Backups"])),
        st.builds(KeyCreate, **request, key=keys),
        st.builds(KeyRevoke, **request, id=key_ids),
        st.builds(KeyRotate, **request, id=key_ids, key=keys, overlap=overlaps),
        st.builds(ProjectRotatePingKey, **request, ping_key=st.sampled_from(["a" * 16, "b" * 16]), overlap=overlaps),
        st.builds(ProjectRotateWebhookSecret, **request, secret=words, overlap=overlaps),
        st.builds(ChannelRotateSecret, **request, id=channel_ids, secret=words, overlap=overlaps),
        st.builds(StatusPageCreate, **request, id=page_ids, fields=pages),
        st.builds(StatusPageUpdate, **request, id=page_ids, fields=pages),
        st.builds(StatusPageDelete, **request, id=page_ids),
        st.builds(MonitorCreate, **request, id=monitor_ids, fields=monitor_fields),
        st.builds(MonitorUpdate, **request, id=monitor_ids, fields=monitor_fields),
        st.builds(MonitorDelete, **request, id=monitor_ids),
        st.builds(lambda now, told: Tick(slot="t", epoch=1, at=now, now=now, partition_count=told), times, partitions),
    )
    return events.map(lambda event: (owner, event))


OWNER = str(UUID(int=1))


def first_channel(number: int, name: str) -> Event:
    id = str(UUID(int=number))
    channel = Channel(id=id, project=OWNER, kind="webhook", url="http://x/", created=0, name=name)
    return OWNER, ChannelCreate(request="r", at=START, channel=channel)


OWN_PROJECT = Project(id=OWNER, name="", ping_key="k", created=0, webhook_secret="s")
FIRST: list[Event] = [
    (OWNER, ProjectCreate(request="r", at=START, project=OWN_PROJECT)),
    first_channel(20, "b"),
    first_channel(21, "a"),
]
histories = st.lists(projects.flatmap(owned), max_size=25).map(lambda events: FIRST + events)


def records(events: Sequence[Event]) -> list[Record]:
    """The journal: every request under a name of its own."""
    journal = []
    for offset, (owner, event) in enumerate(events):
        if not isinstance(event, Tick):
            event = msgspec.structs.replace(event, request=f"r{offset}")
        journal.append(Record(offset, 0, owner.encode(), encode(event)))
    return journal


def states(view: View) -> States:
    return {key: record for key, record in view.items() if key != PROGRESS_KEY}


def single_pass(journal: Sequence[Record]) -> tuple[States, list[Effect], Session]:
    session = Session(Watched(), 0, View())
    effects = session.step(journal)
    return dict(session.view.items()), effects, session


def decisions(effects: Iterable[Effect]) -> list[Decision]:
    return [effect.value for effect in effects if isinstance(effect.value, Decision)]
