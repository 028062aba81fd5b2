"""Whatever is asked of the `projects` fold, in whatever pieces: the same states, one check per slug, a true index."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from processors.fold.contract import Context, Effect, Record, Session
from processors.fold.view import View
from processors.projects.channels import note_of
from processors.projects.fold import Projects, ProjectsPartition
from processors.projects.index import ProjectIndex
from processors.projects.packed_records import PACKER
from schemas.base import SECOND, encode
from schemas.dead_letters import DeadLetter
from schemas.decisions import Decision
from schemas.definitions import ApiKey, Channel, Check, Project, definition_key
from schemas.deliveries import ConfirmationRequested, EndpointDefined, EndpointRemoved
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.notice_choices import NoticesChosen
from schemas.pings import CheckDefined, CheckRemoved
from schemas.probes import MonitorDefined, MonitorRemoved
from schemas.recipients import MOST_REQUESTS, Recipient, normalized, recipient_id
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
from schemas.tokens import COUNTERS_KEY
from schemas.topics import DECISIONS, DELIVERIES, PINGS

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


@given(histories, st.data())
def test_restarts_anywhere_give_what_a_single_pass_gives(events: list[Event], data: st.DataObject) -> None:
    journal = records(events)
    expected, effects, _ = single_pass(journal)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(journal)), max_size=4)))
    topic: dict[str, bytes] = {}
    seen: list[Effect] = []
    decode = Projects.records.decode
    for start, end in zip([0, *cuts], [*cuts, len(journal)], strict=True):
        # Loaded in another order, and with a part of the journal that is applied already.
        view = View({key: decode(value) for key, value in sorted(topic.items(), reverse=True)})
        batch = Session(Watched(), 0, view).run(journal[max(0, start - 3) : end])
        seen += batch.effects
        for key, record in batch.changes.items():
            if record is None:
                topic.pop(key, None)  # made and removed within one batch: only the removal is written
            else:
                topic[key] = encode(record)
    assert {key: decode(value) for key, value in topic.items()} == expected
    assert seen == effects


@given(histories, st.lists(st.integers(0, 40), max_size=10))
def test_the_index_is_true_after_every_event_undone_or_not(events: list[Event], failing: list[int]) -> None:
    fold = Watched(failing)
    session = Session(fold, 0, View())
    for record in records(events):
        session.step([record])
        assert fold.index_is_true()


@given(histories, st.sets(st.integers(1, 40), max_size=10))
def test_an_event_that_fails_leaves_no_trace(events: list[Event], failing: set[int]) -> None:
    journal = records(events)
    session = Session(Watched(failing), 0, View())
    effects = session.step(journal)
    expected, expected_effects, clean = single_pass([record for record in journal if record.offset not in failing])
    assert states(session.view) == {key: record for key, record in expected.items() if key != PROGRESS_KEY}
    assert session.progress.time == clean.progress.time
    failed = {record.offset for record in journal if record.offset in failing}
    assert [effect for effect in effects if getattr(effect.value, "offset", None) not in failed] == expected_effects


@given(histories)
def test_each_request_gets_one_verdict_dead_letters_too(events: list[Event]) -> None:
    journal = records(events)
    _, effects, _ = single_pass(journal)
    answers = Counter(effect.key for effect in effects if effect.topic is DECISIONS)
    requests = {f"r{offset}" for offset, (_, event) in enumerate(events) if not isinstance(event, Tick)}
    assert answers == Counter(requests)
    dead = {f"r{effect.value.offset}" for effect in effects if isinstance(effect.value, DeadLetter)}
    judged = {one.request for one in decisions(effects) if one.code not in (WRONG_TIME, INVALID_REQUEST)}
    assert requests - dead == judged


@given(histories)
def test_definitions_and_what_the_pings_journal_is_told_agree(events: list[Event]) -> None:
    final, effects, _ = single_pass(records(events))
    told: dict[str, Check] = {}
    notes: dict[str, NoticesChosen] = {}
    for effect in effects:
        if effect.topic is not PINGS:
            continue
        if isinstance(effect.value, CheckRemoved):
            del told[effect.key]
            continue
        if isinstance(effect.value, NoticesChosen):
            note = msgspec.structs.replace(effect.value, at=0)
            assert notes.get(effect.key, NoticesChosen(at=0)) != note
            notes[effect.key] = note
            continue
        assert isinstance(effect.value, CheckDefined)
        check = effect.value.check
        assert effect.key == check.id
        before = told.get(check.id)
        assert check.version == (1 if before is None else before.version + 1)
        if before is not None:
            same = msgspec.structs.replace(check, version=before.version)
            assert (check.created, check.project) == (before.created, before.project)
            assert same != before
        told[check.id] = check
    assert told == {record.id: record for record in final.values() if isinstance(record, Check)}
    channels = {record.id: record for record in final.values() if isinstance(record, Channel)}
    nothing = NoticesChosen(at=0)
    for id in channels.keys() | notes.keys():
        assert notes.get(id, nothing) == (note_of(channels[id], 0) if id in channels else nothing)
    others = (PROGRESS_KEY, COUNTERS_KEY)
    assert all(key == definition_key(record) for key, record in final.items() if key not in others)  # type: ignore[arg-type]
    for check in told.values():
        assert list(check.channels) == sorted(set(check.channels))
        for id in check.channels:
            assert getattr(final[f"channel/{id}"], "project", None) == check.project


@given(histories)
def test_no_monitor_depends_on_itself_and_those_that_others_depend_on_know(events: list[Event]) -> None:
    final, effects, _ = single_pass(records(events))
    monitors = {record.id: record for record in final.values() if isinstance(record, Monitor)}
    depended_on = {id for monitor in monitors.values() for id in monitor.depends_on}
    assert depended_on == {monitor.id for monitor in monitors.values() if monitor.depended_on}
    for monitor in monitors.values():
        above = list(monitor.depends_on)
        for _ in range(len(monitors)):  # no chain is longer, unless it is a ring
            assert monitor.id not in above
            assert all(monitors[id].project == monitor.project for id in above)
            above = [one for id in above for one in monitors[id].depends_on]
    told: dict[str, Monitor] = {}
    for effect in effects:
        if isinstance(effect.value, MonitorRemoved):
            del told[effect.key]
        elif isinstance(effect.value, MonitorDefined):
            told[effect.key] = effect.value.monitor
    assert told == monitors


@given(histories)
def test_the_owner_of_an_address_has_the_last_word(events: list[Event]) -> None:
    final, effects, _ = single_pass(records(events))
    recipients = {record.id: record for record in final.values() if isinstance(record, Recipient)}
    channels = {record.id: record for record in final.values() if isinstance(record, Channel)}
    for channel in channels.values():
        assert set(channel.unconfirmed) <= set(channel.addresses)
        for address in channel.addresses:
            recipient = recipients.get(recipient_id(channel.project, address))
            if recipient is not None and recipient.blocked_at is not None:
                assert address in channel.unconfirmed
            if recipient is not None and recipient.confirmed_at is not None:
                assert address not in channel.unconfirmed
    # What the deliveries were told is what stands in the definitions, and nobody was asked too often.
    told: dict[str, Any] = {}
    asked: Counter[str] = Counter()
    for effect in effects:
        if isinstance(effect.value, EndpointDefined):
            told[effect.key] = effect.value.endpoint.unconfirmed
        elif isinstance(effect.value, EndpointRemoved):
            del told[effect.key]
        elif isinstance(effect.value, ConfirmationRequested):
            assert effect.topic is DELIVERIES
            asked[effect.value.recipient] += 1
            assert effect.value.n == asked[effect.value.recipient]
            assert recipients[effect.value.recipient].address == normalized(effect.value.address)
    assert told == {id: channel.unconfirmed for id, channel in channels.items()}
    assert max(asked.values(), default=0) <= MOST_REQUESTS


def expected_target(view: View, owner: str, create: CheckCreate) -> list[Check]:
    """By a plain scan: the checks that the slug or the unique fields mean, oldest first."""

    def value(thing: Check | CheckFields, field: str) -> object:
        if field == "timeout":
            return thing.schedule.period if isinstance(thing.schedule, Simple) else thing
        return getattr(thing, field)

    checks = [check for _, check in view.items() if isinstance(check, Check) and check.project == owner]
    if create.provision:
        found = [check for check in checks if check.slug == create.fields.slug]
    else:
        found = [
            c for c in checks if create.unique and all(value(c, f) == value(create.fields, f) for f in create.unique)
        ]
    return sorted(found, key=lambda check: (check.created, check.id))


@given(histories)
def test_slugs_and_unique_mean_what_a_plain_scan_finds(events: list[Event]) -> None:
    session = Session(Watched(), 0, View())
    for record, (owner, event) in zip(records(events), events, strict=True):
        create = isinstance(event, CheckCreate) and session.view.get(f"check/{event.id}") is None
        targets = expected_target(session.view, owner, event) if isinstance(event, CheckCreate) else []
        verdicts = decisions(session.step([record]))
        if not create or not isinstance(event, CheckCreate) or not verdicts:
            continue
        [verdict] = verdicts
        if verdict.code is RejectionCode.AMBIGUOUS_SLUG:
            assert len(targets) > 1
        elif verdict.outcome == "made":
            assert (verdict.id, targets) == (event.id, [])
        elif verdict.outcome != "refused":
            assert verdict.outcome == ("found" if event.provision else "updated")
            assert verdict.id == targets[0].id


@settings(max_examples=20)
@given(st.integers(2, 4), st.randoms(use_true_random=False), st.integers(1, 9))
def test_a_hundred_first_pings_make_one_check(slugs: int, random: Any, batch: int) -> None:
    first_pings: list[Event] = [
        (
            OWNER,
            CheckCreate(
                request="r",
                at=START,
                id=derived_id("ping", n),
                fields=CheckFields(slug=f"s{n % slugs}"),
                provision=True,
            ),
        )
        for n in range(100 * slugs)
    ]
    random.shuffle(first_pings)
    journal = records(FIRST + first_pings)
    session = Session(Watched(), 0, View())
    effects = [e for at in range(0, len(journal), batch) for e in session.step(journal[at : at + batch])]
    verdicts = decisions(effects)[len(FIRST) :]
    assert Counter(verdict.outcome for verdict in verdicts) == {"made": slugs, "found": 99 * slugs}
    checks = [record for _, record in session.view.items() if isinstance(record, Check)]
    assert sorted(check.slug for check in checks) == [f"s{n}" for n in range(slugs)]
    assert {verdict.id for verdict in verdicts} == {check.id for check in checks}


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_upserts_and_renames_never_leave_two_of_a_name(random: Any) -> None:
    upserts: list[Event] = [
        (
            OWNER,
            CheckCreate(
                request="r",
                at=START + n,
                id=derived_id("upsert", n),
                fields=CheckFields(name=f"n{n % 3}", desc=str(n)),
                unique=("name",),
            ),
        )
        for n in range(60)
    ]
    random.shuffle(upserts)
    final, _, _ = single_pass(records(FIRST + upserts))
    assert sorted(record.name for record in final.values() if isinstance(record, Check)) == ["n0", "n1", "n2"]


# What an upsert may say beside its unique fields, and how a check follows it.
upsert_fields = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"]), "tags": st.sampled_from(["", "x"])},
    optional={
        "desc": words,
        "expression": st.sampled_from(["0 2 * * *", "0 3 * * *"]),
        "tz": st.sampled_from(["UTC", "Europe/Riga"]),
        "slug_when_renamed": st.sampled_from(["a", "b"]),
    },
)


def followed(before: dict[str, Any] | None, fields: dict[str, Any]) -> dict[str, Any]:
    """A check as a plain reading of an upsert would have it."""
    after = before or {"desc": "", "expression": None, "tz": None, "slug": "", "name": ""}
    if "slug_when_renamed" in fields and fields["name"] != after["name"]:
        after = after | {"slug": fields["slug_when_renamed"]}
    after = after | {"name": fields["name"], "desc": fields.get("desc", after["desc"])}
    if "expression" in fields:
        after = after | {"expression": fields["expression"], "tz": fields.get("tz", after["tz"] or "UTC")}
    elif after["expression"] is not None:
        after = after | {"tz": fields.get("tz", after["tz"])}
    return after


@given(st.lists(upsert_fields, min_size=1, max_size=12), st.sampled_from([("name",), ("name", "tags"), ("tags",)]))
def test_any_interleaving_of_upserts_gives_one_check_for_each_unique_key(
    upserts: list[dict[str, Any]], unique: tuple[Any, ...]
) -> None:
    events: list[Event] = [
        (
            OWNER,
            CheckCreate(request="r", at=START, id=derived_id("upsert", n), fields=CheckFields(**fields), unique=unique),
        )
        for n, fields in enumerate(upserts)
    ]
    final, effects, _ = single_pass(records([FIRST[0], *events]))
    expected: dict[tuple[str, ...], dict[str, Any]] = {}
    for fields in upserts:
        key = tuple(fields[field] for field in unique)
        expected[key] = followed(expected.get(key), fields)
    checks = {
        tuple(getattr(check, field) for field in unique): check for check in final.values() if isinstance(check, Check)
    }
    assert sum(isinstance(record, Check) for record in final.values()) == len(checks) == len(expected)
    for key, check in checks.items():
        schedule = check.schedule
        cron = (None, None) if isinstance(schedule, Simple) else (schedule.expression, schedule.tz)
        want = expected[key]
        assert (check.name, check.desc, check.slug, *cron) == (
            want["name"], want["desc"], want["slug"], want["expression"], want["tz"],
        )  # fmt: skip
    outcomes = Counter(verdict.outcome for verdict in decisions(effects)[1:])
    assert outcomes["made"] == len(expected)
    assert outcomes["updated"] == len(upserts) - len(expected)
