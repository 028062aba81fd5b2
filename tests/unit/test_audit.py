"""The audit trail as the folds tell it: one entry for each change, with who made it, and nothing that is a secret."""

from typing import Any

import msgspec
import pytest

from processors.fold.contract import Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects
from schemas.actors import SYSTEM, UNKNOWN, Actor
from schemas.base import SECOND, encode
from schemas.definitions import ApiKey, Channel, Project
from schemas.ids import new_id
from schemas.maintenance import Once
from schemas.monitors import ProbeTarget
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
from schemas.schedules import Cron
from schemas.transitions import ThingChanged
from tests.audit_desk import ACTOR, AuditDesk, asked, create, entries
from tests.projects_desk import NOW, Desk


@pytest.fixture
def desk() -> AuditDesk:
    return AuditDesk()


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
