"""The audit trail as the folds tell it: one entry for each change, with who made it, and nothing that is a secret."""

import copy
from typing import Any

import msgspec
import pytest

from infra.log.reading import Stored
from pingfold.replay.derived import made_by
from pingfold.replay.stretches import fold_again
from processors.checks.fold import Checks
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import SAME, Context, Effect, Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects, ProjectsPartition
from processors.refold.stretches import stretches_of
from schemas.actors import SYSTEM, UNKNOWN, Actor
from schemas.base import SECOND, encode
from schemas.definitions import ApiKey, Channel, Check, Project
from schemas.deliveries import DeliveryReplayed, DeliveryRequested, Endpoint, EndpointDefined, event_id
from schemas.ids import derived_id, new_id
from schemas.maintenance import Once
from schemas.monitors import ProbeTarget
from schemas.pings import CheckDefined, CheckPaused, CheckResumed
from schemas.recipients import recipient_id
from schemas.requests import (
    ChannelCreate,
    ChannelDelete,
    ChannelDisabled,
    ChannelFields,
    ChannelUpdate,
    CheckCreate,
    CheckDelete,
    CheckFields,
    CheckUpdate,
    KeyCreate,
    KeyRevoke,
    KeyRotate,
    MaintenanceCreate,
    MaintenanceFields,
    MonitorCreate,
    MonitorFields,
    MonitorUpdate,
    ProjectCreate,
    ProjectRotatePingKey,
    RecipientUnblock,
    StatusPageCreate,
    StatusPageFields,
    StatusPageUpdate,
)
from schemas.schedules import TZDATA_VERSION, Cron
from schemas.ticks import Tick
from schemas.topics import TRANSITIONS
from schemas.transitions import FieldChange, ThingChanged
from tests.projects_desk import NOW, Desk

ACTOR = Actor(kind="api_key", key="3b0ff4f1-6a0f-4f0a-9a55-0a5a4f3f7d10", address="203.0.113.9")


def entries(effects: list[Effect]) -> list[ThingChanged]:
    """The entries among effects; each stands in the partition of its journal, under the id of its thing."""
    found = [effect for effect in effects if isinstance(effect.value, ThingChanged)]
    assert all(effect.topic is TRANSITIONS and effect.partition == SAME for effect in found)
    assert all(effect.key == effect.value.thing for effect in found)  # type: ignore[attr-defined]
    return [effect.value for effect in found]  # type: ignore[misc]


class AuditDesk(Desk):
    """Asks for what `ACTOR` asks for."""

    def entries(self, event: msgspec.Struct, actor: Actor | None = ACTOR) -> list[ThingChanged]:
        """The entries that a request makes."""
        asked = event if isinstance(event, ChannelDisabled) else msgspec.structs.replace(event, actor=actor)
        return entries(self.put(asked))

    def entry(self, event: msgspec.Struct, actor: Actor | None = ACTOR) -> ThingChanged:
        """The only entry that a request makes."""
        [found] = self.entries(event, actor)
        assert (found.project, found.command) == (self.project, event.__struct_config__.tag)
        return found


@pytest.fixture
def desk() -> AuditDesk:
    return AuditDesk()


def asked(**more: Any) -> dict[str, Any]:
    return {"request": new_id(), "at": NOW, **more}


def create(**fields: Any) -> CheckCreate:
    return CheckCreate(**asked(id=new_id(), fields=CheckFields(**fields)))


def hook(desk: Desk, **fields: Any) -> Channel:
    known: dict[str, Any] = {"kind": "webhook", "url": "https://hooks.test/services/T0KEN", "name": "ops"}
    return Channel(id=new_id(), project=desk.project, created=0, **known | fields)


def told(entry: ThingChanged) -> dict[str, tuple[Any, Any, bool]]:
    return {change.field: (change.old, change.new, change.hidden) for change in entry.changes}


# ---- what an entry says


def test_a_new_thing_is_told_with_what_is_not_a_default(desk: AuditDesk) -> None:
    request = create(name="Backup", grace=60, schedule=Cron(expression="0 2 * * *", tz="UTC"))
    entry = desk.entry(request)
    assert entry.actor == ACTOR
    assert (entry.action, entry.kind, entry.thing, entry.name) == ("created", "check", request.id, "Backup")
    assert (entry.at, entry.others, entry.retried) == (NOW, 0, False)
    assert told(entry) == {
        "name": (None, "Backup", False),
        "grace": (None, 60, False),
        "schedule": (None, {"type": "cron", "expression": "0 2 * * *", "tz": "UTC"}, False),
    }


def test_a_change_tells_the_old_value_and_the_new_one(desk: AuditDesk) -> None:
    request = create(name="Backup", grace=60)
    desk.put(request)
    entry = desk.entry(CheckUpdate(**asked(id=request.id, fields=CheckFields(grace=120, late_limit=300))))
    assert (entry.action, entry.thing, entry.name) == ("updated", request.id, "Backup")
    assert told(entry) == {"grace": (60, 120, False), "late_limit": (None, 300, False)}
    gone = desk.entry(CheckDelete(**asked(id=request.id)))
    assert (gone.action, gone.name) == ("deleted", "Backup")
    assert told(gone)["grace"] == (120, None, False)


def test_what_changes_nothing_or_is_refused_is_no_change(desk: AuditDesk) -> None:
    request = create(name="Backup", grace=60)
    desk.put(request)
    same = CheckUpdate(**asked(id=request.id, fields=CheckFields(grace=60)))
    refused = [
        CheckUpdate(**asked(id=new_id(), fields=CheckFields(grace=120))),
        KeyRevoke(**asked(id=new_id())),
        ChannelDelete(**asked(id=new_id())),
        CheckUpdate(**asked(id=request.id, fields=CheckFields(channels="nobody"))),
        ProjectCreate(**asked(project=desk.session.view.get(f"project/{desk.project}"))),
    ]
    dead = CheckUpdate(request=new_id(), at=-1, id=request.id, fields=CheckFields(grace=120))
    for event in (request, same, *refused, dead):
        assert desk.entries(event) == []


def test_who_does_not_say_who_they_are_is_unknown(desk: AuditDesk) -> None:
    assert desk.entry(create(name="by hand"), None).actor == UNKNOWN


def test_an_upsert_tells_of_the_check_that_it_changed(desk: AuditDesk) -> None:
    first = create(name="Backup", grace=60)
    desk.put(first)
    again = CheckCreate(**asked(id=new_id(), fields=CheckFields(name="Backup", grace=120), unique=("name",)))
    entry = desk.entry(again)
    assert (entry.thing, entry.action, told(entry)) == (first.id, "updated", {"grace": (60, 120, False)})


def test_a_check_made_by_a_ping_is_told_once(desk: AuditDesk) -> None:
    by_ping = Actor(kind="ping_key", address="198.51.100.7")
    first, second = (
        CheckCreate(**asked(id=new_id(), fields=CheckFields(name="s", slug="s"), provision=True)) for _ in range(2)
    )
    assert desk.entry(first, by_ping).actor == by_ping
    assert desk.entries(second, by_ping) == []


def test_a_project_is_told_with_each_of_its_keys_and_none_of_their_secrets() -> None:
    session, id = Session(Projects(), 0, View()), new_id()
    project = Project(id=id, name="P", ping_key="ping-secret", created=0, webhook_secret="sealed-secret")
    keys = tuple(
        ApiKey(id=new_id(), project=id, kind="poppaping", hash="hash-secret", prefix="pp_live_", created=0, name=name)
        for name in ("a", "b")
    )
    request = ProjectCreate(**asked(project=project, keys=keys, actor=SYSTEM))
    found = entries(session.step([Record(0, 0, id.encode(), encode(request))]))
    assert [(entry.kind, entry.thing) for entry in found] == [
        ("project", id),
        *sorted(("key", key.id) for key in keys),
    ]
    assert all(entry.actor == SYSTEM and entry.action == "created" for entry in found)
    assert told(found[0]) == {
        "name": (None, "P", False),
        "ping_key": (None, None, True),
        "webhook_secret": (None, None, True),
    }
    text = b"".join(map(encode, found))
    assert b"-secret" not in text
    assert b"pp_live_" not in text


def test_keys_are_told_without_hash_and_prefix(desk: AuditDesk) -> None:
    key = ApiKey(
        id=new_id(), project=desk.project, kind="poppaping", hash="0f" * 32, prefix="pp_live_abcd", created=0,
        name="CI", scopes=("monitors:read",), expires=NOW,
    )  # fmt: skip
    entry = desk.entry(KeyCreate(**asked(key=key)))
    assert (entry.kind, entry.thing, entry.name) == ("key", key.id, "CI")
    assert told(entry) == {
        "kind": (None, "poppaping", False),
        "hash": (None, None, True),
        "name": (None, "CI", False),
        "scopes": (None, ["monitors:read"], False),
        "expires": (None, "2023-11-14T22:13:20+00:00", False),
    }
    revoked = desk.entry(KeyRevoke(**asked(id=key.id)))
    assert (revoked.action, revoked.name) == ("deleted", "CI")
    assert b"abcd" not in encode(entry) + encode(revoked)
    assert b"0f0f" not in encode(entry) + encode(revoked)


def test_rotating_a_key_tells_of_both_and_of_no_secret(desk: AuditDesk) -> None:
    old, new, newest = (
        ApiKey(id=new_id(), project=desk.project, kind="updown", hash=f"0f0f{n}", prefix="abcd", created=0, name="CI")
        for n in range(3)
    )
    desk.put(KeyCreate(**asked(key=old)))
    found = desk.entries(KeyRotate(**asked(id=old.id, key=new, overlap=60)))
    assert {(entry.action, entry.thing) for entry in found} == {("created", new.id), ("updated", old.id)}
    [expires] = [told(entry) for entry in found if entry.thing == old.id]
    assert expires == {"expires": (None, "2023-11-14T22:14:20+00:00", False)}
    at_once = desk.entries(KeyRotate(**asked(id=new.id, key=newest, overlap=0)))
    assert {(entry.action, entry.thing) for entry in at_once} == {("created", newest.id), ("deleted", new.id)}
    assert all(entry.actor == ACTOR and entry.others == 0 for entry in found + at_once)
    assert b"0f0f" not in b"".join(map(encode, found + at_once))
    rotated = desk.entry(ProjectRotatePingKey(**asked(ping_key="secret-secret-secret")))
    assert told(rotated) == {"ping_key": (None, None, True), "former_ping_keys": (None, None, True)}


def test_of_the_address_of_a_webhook_only_the_host_is_told(desk: AuditDesk) -> None:
    channel = hook(desk, secret="sealed")
    made = desk.entry(ChannelCreate(**asked(channel=channel)))
    assert told(made)["url"] == (None, "https://hooks.test", True)
    assert told(made)["secret"] == (None, None, True)
    moved = ChannelFields(url="https://user:pass@other.test:8443/x?y=z#w", secret="sealed anew")
    entry = desk.entry(ChannelUpdate(**asked(id=channel.id, fields=moved)))
    assert told(entry) == {
        "url": ("https://hooks.test", "https://other.test:8443", True),
        "secret": (None, None, True),
    }


@pytest.mark.parametrize("url", ["", "https://[", "token", "https://a b/c", "https://\u202eevil/x"])
def test_an_address_that_is_none_tells_nothing(desk: AuditDesk, url: str) -> None:
    entry = desk.entry(ChannelCreate(**asked(channel=hook(desk, url=url))))
    assert told(entry)["url"][1] in (None, "", "https://[")


def test_addresses_of_mail_are_told(desk: AuditDesk) -> None:
    channel = hook(desk, kind="email", url="", addresses=("a@example.org",))
    desk.put(ChannelCreate(**asked(channel=channel)))
    fields = ChannelFields(addresses=("a@example.org", "b@example.org"))
    entry = desk.entry(ChannelUpdate(**asked(id=channel.id, fields=fields)))
    assert told(entry) == {"addresses": (["a@example.org"], ["a@example.org", "b@example.org"], False)}


def test_giving_a_channel_up_is_pingfolds_doing_and_enabling_it_somebodys(desk: AuditDesk) -> None:
    channel = hook(desk)
    desk.put(ChannelCreate(**asked(channel=channel)))
    disabled = desk.entry(ChannelDisabled(channel=channel.id, at=NOW, because="the word of a receiver"))
    assert (disabled.action, disabled.actor, disabled.thing) == ("disabled", SYSTEM, channel.id)
    assert told(disabled) == {"disabled_at": (None, "2023-11-14T22:13:20+00:00", False)}
    assert b"receiver" not in encode(disabled)
    enabled = desk.entry(ChannelUpdate(**asked(id=channel.id, fields=ChannelFields())))
    assert told(enabled) == {"disabled_at": ("2023-11-14T22:13:20+00:00", None, False)}
    # Its deliveries start afresh although nothing is different.
    assert desk.entry(ChannelUpdate(**asked(id=channel.id, fields=ChannelFields()))).changes == ()
    assert desk.entries(ChannelDisabled(channel=new_id(), at=NOW, because="")) == []


def test_things_that_change_with_another_are_counted(desk: AuditDesk) -> None:
    for number in range(3):
        desk.put(create(name=f"c{number}"))
    channel = hook(desk)
    entry = desk.entry(ChannelCreate(**asked(channel=channel, on_every_check=True)))
    assert (entry.kind, entry.others) == ("channel", 3)
    assert desk.entry(ChannelDelete(**asked(id=channel.id))).others == 3


def test_what_a_monitor_sends_is_never_told(desk: AuditDesk) -> None:
    target = ProbeTarget(url="https://user:pw@shop.test/health?key=abc#part", sealed="sealed", statuses=(200,))
    request = MonitorCreate(**asked(id=new_id(), fields=MonitorFields(name="Shop", target=target)))
    entry = desk.entry(request)
    assert told(entry) == {
        "name": (None, "Shop", False),
        "target.url": (None, "https://shop.test/health", True),
        "target.sealed": (None, None, True),
        "target.statuses": (None, [200], False),
    }
    resealed = msgspec.structs.replace(target, sealed="sealed anew", url="https://shop.test/health")
    changed = desk.entry(MonitorUpdate(**asked(id=request.id, fields=MonitorFields(target=resealed, paused=True))))
    assert told(changed) == {
        "target.url": ("https://shop.test/health", "https://shop.test/health", True),
        "target.sealed": (None, None, True),
        "paused": (False, True, False),
    }


def test_status_pages_and_windows(desk: AuditDesk) -> None:
    fields = StatusPageFields(title="Shop", password="hash")
    request = StatusPageCreate(**asked(id=new_id(), fields=fields))
    entry = desk.entry(request)
    assert (entry.kind, entry.name) == ("status-page", "Shop")
    assert told(entry) == {"title": (None, "Shop", False), "password": (None, None, True)}
    opened = desk.entry(StatusPageUpdate(**asked(id=request.id, fields=StatusPageFields(password=""))))
    assert told(opened) == {"password": (None, None, True)}
    window = MaintenanceFields(name="Upgrade", window=Once(start=NOW, end=NOW + 60 * SECOND))
    entry = desk.entry(MaintenanceCreate(**asked(id=new_id(), partitions=2, fields=window)))
    assert (entry.kind, entry.name) == ("maintenance", "Upgrade")
    start, end = "2023-11-14T22:13:20+00:00", "2023-11-14T22:14:20+00:00"
    assert told(entry)["window"] == (None, {"type": "once", "start": start, "end": end}, False)


def test_long_values_are_cut(desk: AuditDesk) -> None:
    for number in range(150):
        desk.put(ChannelCreate(**asked(channel=hook(desk, name=f"c{number}"))))
    entry = desk.entry(create(name="x", desc="d" * 200_000, channels="*"))
    assert len(told(entry)["desc"][1]) == 301
    assert len(told(entry)["channels"][1]) == 101
    assert told(entry)["channels"][1][-1] == "… and 50 more"


def test_a_command_that_changes_no_definition_but_what_comes_of_them_is_told(desk: AuditDesk) -> None:
    entry = desk.entry(RecipientUnblock(**asked(address="ops@example.org")))
    assert (entry.kind, entry.action, entry.name, entry.changes) == ("recipient", "updated", "ops@example.org", ())
    assert entry.thing == recipient_id(desk.project, "ops@example.org")


# ---- the same again


def test_every_entry_has_an_id_of_its_own_and_the_same_in_a_replay(desk: AuditDesk) -> None:
    journal: list[Record] = []
    same_name: dict[str, Any] = {"request": "always the same", "at": NOW}
    events = [
        ProjectCreate(**same_name, project=desk.session.view.get(f"project/{desk.project}")),
        *(CheckCreate(**same_name, id=derived_id("c", n), fields=CheckFields(name=f"c{n}")) for n in range(5)),
        *(CheckUpdate(**same_name, id=derived_id("c", 0), fields=CheckFields(grace=60 + n)) for n in range(5)),
    ]
    for offset, event in enumerate(events):
        journal.append(Record(offset, 0, desk.project.encode(), encode(event)))
    fold = desk.session.fold
    first = entries(Session(fold, 0, View()).step(journal))
    assert len({entry.id for entry in first}) == len(first) == 11
    assert entries(Session(fold, 0, View()).step(copy.deepcopy(journal))) == first
    assert {entry.id for entry in entries(Session(fold, 1, View()).step(journal))}.isdisjoint(e.id for e in first)


def test_a_dead_letter_that_was_put_back_says_so(desk: AuditDesk) -> None:
    value = encode(msgspec.structs.replace(create(name="late"), actor=ACTOR))
    effects = desk.session.step([Record(desk.offset, 0, desk.project.encode(), value, retried=True)])
    [entry] = entries(effects)
    assert (entry.retried, entry.actor) == (True, ACTOR)


def test_a_replay_makes_no_entries_of_what_an_older_version_folded(desk: AuditDesk) -> None:
    effects = desk.put(create(name="x"))
    assert entries(effects)
    for version, are_made in ((0, True), (3, False), (4, True)):
        assert bool(entries(list(made_by("projects", version, effects)))) is are_made
    assert len(made_by("projects", 3, effects)) == len(effects) - 1
    assert made_by("toy", 1, effects) == effects


# ---- changes that are no definitions


def test_pausing_and_resuming_a_check() -> None:
    check = Check(id=new_id(), project=new_id(), version=1, created=NOW, name="Backup")
    session, offsets = Session(Checks(), 0, View()), iter(range(100))

    def put(event: msgspec.Struct) -> list[ThingChanged]:
        return entries(session.step([Record(next(offsets), NOW, check.id.encode(), encode(event))]))

    assert put(CheckDefined(at=NOW, check=check)) == []
    [paused] = put(CheckPaused(at=NOW, actor=ACTOR))
    assert (paused.action, paused.kind, paused.thing, paused.name) == ("paused", "check", check.id, "Backup")
    assert (paused.project, paused.actor, paused.command) == (check.project, ACTOR, "check.paused")
    assert put(CheckPaused(at=NOW, actor=ACTOR)) == []
    [resumed] = put(CheckResumed(at=NOW))
    assert (resumed.action, resumed.actor) == ("resumed", UNKNOWN)
    assert put(CheckResumed(at=NOW, actor=ACTOR)) == []


def test_tests_and_sending_again() -> None:
    channel, project = new_id(), new_id()
    session, offsets = Session(DeliveriesFold(), 0, View()), iter(range(100))

    def put(event: msgspec.Struct, key: str = channel) -> list[ThingChanged]:
        return entries(session.step([Record(next(offsets), NOW, key.encode(), encode(event))]))

    endpoint = Endpoint(id=channel, project=project, url="https://x.test/", notices=("monitor.down",), secret="s")
    assert put(EndpointDefined(at=NOW, endpoint=endpoint)) == []
    request = DeliveryRequested(transition=new_id(), at=NOW, notices=("monitor.down",), data={}, actor=ACTOR)
    [tested] = put(request)
    assert (tested.action, tested.kind, tested.thing, tested.project) == ("tested", "channel", channel, project)
    assert tested.actor == ACTOR
    assert tested.changes[1] == FieldChange(field="event", new="monitor.down")
    # It is there already; nobody takes that notice; no such channel: nothing is sent, and nothing is told.
    assert put(request) == []
    assert put(msgspec.structs.replace(request, notices=("monitor.recovered",))) == []
    assert put(request, new_id()) == []
    # What a fold requests is nobody's doing.
    assert put(msgspec.structs.replace(request, transition=derived_id("t"), actor=None)) == []
    event = event_id(new_id(), "monitor.down")
    again = DeliveryReplayed(replay=new_id(), at=NOW, event=event, notice="monitor.down", body="{}", actor=ACTOR)
    [replayed] = put(again)
    assert (replayed.action, replayed.actor, replayed.command) == ("replayed", ACTOR, "delivery.replayed")


# ---- replays of what older versions folded


class WithoutAudit(Projects):
    """The fold as it was before there was an audit trail."""

    version = 3

    def open(self, view: View, partition: int) -> ProjectsPartition:
        class Former(ProjectsPartition):
            def apply(self, event: Any, context: Context) -> list[Effect]:
                return [one for one in super().apply(event, context) if not isinstance(one.value, ThingChanged)]

        return Former(view, partition)


def test_an_upgrade_finds_what_was_folded_before_equal(desk: AuditDesk) -> None:
    events = [
        ProjectCreate(**asked(project=desk.session.view.get(f"project/{desk.project}"))),
        *(create(name=f"c{number}") for number in range(9)),
        Tick(slot="ticker", epoch=1, at=NOW, now=NOW),
    ]
    # The new version is also told what gives the things that are there a name, and those that follow.
    events[7:] = [msgspec.structs.replace(event, partition_count=1) for event in events[7:]]
    key = desk.project.encode()
    journal = [Stored(0, offset, 0, key, encode(event), None) for offset, event in enumerate(events)]
    records = [Record(one.offset, 0, one.key, one.value) for one in journal]
    before = Session(WithoutAudit(), 0, View(), TZDATA_VERSION)
    effects = before.step(records[:5])
    view = View(dict(before.view.items()))
    after = Session(Projects(), 0, view, TZDATA_VERSION)
    effects += after.step(records[5:])
    assert len(entries(effects)) == 5
    stretches = stretches_of(after.progress, 0, Projects(), ())
    assert [stretch.version for stretch in stretches] == [3, Projects.version]
    assert all(check.token for _, check in view.items() if isinstance(check, Check))
    again: list[Effect] = []
    folded = fold_again(Projects(), 0, stretches, {}, journal, lambda made, *_: again.extend(made))
    assert again == effects
    assert {k: v for k, v in folded.view.items() if k != "partition"} == {
        k: v for k, v in view.items() if k != "partition"
    }
