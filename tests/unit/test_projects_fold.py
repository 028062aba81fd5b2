"""The verdicts of the `projects` fold, one request after another."""

import msgspec
import pytest

from processors.fold.contract import Record
from schemas.base import SECOND, encode
from schemas.decisions import Decision
from schemas.definitions import ApiKey, Channel, Check, Project, definition_key
from schemas.deliveries import EndpointDefined, EndpointRemoved
from schemas.ids import new_id
from schemas.notice_choices import NoticesChosen
from schemas.pings import CheckDefined
from schemas.rejections import RejectionCode
from schemas.requests import (
    ChannelCreate,
    ChannelDelete,
    CheckCreate,
    CheckDelete,
    CheckFields,
    CheckUpdate,
    KeyCreate,
    KeyRevoke,
    ProjectCreate,
    ProjectsRequest,
)
from schemas.schedules import Cron, Simple
from schemas.ticks import Tick
from schemas.topics import DEAD_LETTERS, DECISIONS, DELIVERIES, PINGS, TRANSITIONS
from tests.projects_desk import NOW, Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


# Projects and keys


def key_of(project: str, id: str = "") -> ApiKey:
    return ApiKey(id=id or new_id(), project=project, kind="healthchecks", hash="h", prefix="hcw_abcd", created=0)


def test_a_project_comes_with_its_keys_and_only_once(desk: Desk) -> None:
    id = new_id()
    project = Project(id=id, name="Q", ping_key="q", created=7, webhook_secret="sealed")
    key = key_of(id)
    request = ProjectCreate(request="r", at=NOW, project=project, keys=(key,))
    assert desk.ask(request, owner=id) == Decision(request="r", outcome="made", id=id)
    assert desk.session.view.get(definition_key(project)) == msgspec.structs.replace(project, created=NOW)
    assert desk.session.view.get(definition_key(key)) == msgspec.structs.replace(key, created=NOW)
    again = desk.ask(msgspec.structs.replace(request, request="r2"), owner=id)
    assert (again.outcome, again.reason) == ("refused", "exists")


def test_a_record_must_be_keyed_by_its_project(desk: Desk) -> None:
    project = Project(id=new_id(), name="Q", ping_key="q", created=0, webhook_secret="sealed")
    assert "another project" in desk.refusal(ProjectCreate(request="r", at=NOW, project=project))
    foreign = ProjectCreate(request="r", at=NOW, project=project, keys=(key_of(desk.project),))
    assert "another project" in desk.refusal(foreign, owner=project.id)
    assert "another project" in desk.refusal(KeyCreate(request="r", at=NOW, key=key_of(project.id)))
    channel = Channel(id=new_id(), project=project.id, kind="webhook", url="http://x/", created=0)
    assert "another project" in desk.refusal(ChannelCreate(request="r", at=NOW, channel=channel))


def test_keys_are_made_found_and_revoked(desk: Desk) -> None:
    key = key_of(desk.project)
    assert desk.ask(KeyCreate(request="a", at=NOW, key=key)).outcome == "made"
    assert desk.ask(KeyCreate(request="b", at=NOW, key=key)).outcome == "found"
    assert desk.ask(KeyRevoke(request="c", at=NOW, id=key.id)).outcome == "removed"
    assert desk.session.view.get(f"key/{key.id}") is None
    assert desk.ask(KeyRevoke(request="d", at=NOW, id=key.id)).reason == "no such key"


@pytest.mark.parametrize(
    "request_",
    [
        CheckCreate(request="r", at=NOW, id=new_id()),
        CheckCreate(request="r", at=NOW, id=new_id(), fields=CheckFields(slug="s"), provision=True),
        CheckUpdate(request="r", at=NOW, id=new_id(), fields=CheckFields()),
        CheckDelete(request="r", at=NOW, id=new_id()),
        KeyCreate(request="r", at=NOW, key=key_of("p")),
        KeyRevoke(request="r", at=NOW, id="k"),
        ChannelCreate(
            request="r", at=NOW, channel=Channel(id=new_id(), project="p", kind="webhook", url="http://x/", created=0)
        ),
        ChannelDelete(request="r", at=NOW, id="c"),
    ],
    ids=lambda request: type(request).__name__,
)
def test_nothing_happens_in_a_project_that_is_not_there(desk: Desk, request_: ProjectsRequest) -> None:
    assert desk.ask(request_, owner="p") == Decision(
        request="r", outcome="refused", reason="no such project", code=RejectionCode.PROJECT_NOT_FOUND
    )
    assert len(desk.effects) == 1


def test_what_is_not_there_or_anothers_is_refused(desk: Desk) -> None:
    other = new_id()
    project = Project(id=other, name="Q", ping_key="q", created=0, webhook_secret="sealed")
    desk.ask(ProjectCreate(request="r", at=NOW, project=project), owner=other)
    check, channel, key = desk.create().id, desk.channel(), key_of(desk.project)
    desk.ask(KeyCreate(request="r", at=NOW, key=key))
    for id in (check, new_id()):
        update = CheckUpdate(request="r", at=NOW, id=id, fields=CheckFields(name="x"))
        assert desk.ask(update, owner=other).reason == "no such check"
        assert desk.ask(CheckDelete(request="r", at=NOW, id=id), owner=other).reason == "no such check"
    assert desk.ask(ChannelDelete(request="r", at=NOW, id=channel), owner=other).reason == "no such channel"
    assert desk.ask(KeyRevoke(request="r", at=NOW, id=key.id), owner=other).reason == "no such key"
    assert desk.ask(CheckCreate(request="r", at=NOW, id=check), owner=other).reason == "exists"
    used = CheckFields(channels=channel)
    reason = f"invalid channel identifier: {channel}"
    assert desk.ask(CheckCreate(request="r", at=NOW, id=new_id(), fields=used), owner=other).reason == reason


# Channels


def test_a_channel_becomes_an_endpoint(desk: Desk) -> None:
    plain = desk.channel()
    [(key, defined)] = desk.sent(DELIVERIES)
    assert key == plain
    assert isinstance(defined, EndpointDefined)
    assert defined.endpoint.secret == "sealed"
    assert defined.endpoint.notices == desk.session.view.get(f"channel/{plain}").notices
    desk.channel(secret="its own")
    [(_, defined)] = desk.sent(DELIVERIES)
    assert isinstance(defined, EndpointDefined)
    assert defined.endpoint.secret == "its own"
    again = ChannelCreate(request="r", at=NOW, channel=desk.session.view.get(f"channel/{plain}"), on_every_check=True)
    assert desk.ask(again).outcome == "found"
    assert desk.sent(DELIVERIES) == []


def test_a_channel_may_be_put_on_every_check_and_is_taken_off_when_deleted(desk: Desk) -> None:
    first, second = desk.create().id, desk.create().id
    kept = desk.channel()
    desk.update(first, channels="*")
    channel = desk.channel(on_every_check=True)
    assert desk.check(first).channels == tuple(sorted((kept, channel)))
    assert desk.check(second).channels == (channel,)
    told, noted = desk.sent(PINGS)[:-1], desk.sent(PINGS)[-1]
    assert sorted(told, key=lambda sent: sent[0]) == sorted(
        ((id, CheckDefined(at=NOW, check=desk.check(id))) for id in (first, second)), key=lambda sent: sent[0]
    )
    assert noted[0] == channel
    assert [desk.check(id).version for id in (first, second)] == [3, 2]
    desk.update(second, channels="")
    assert desk.ask(ChannelDelete(request="r", at=NOW, id=channel)).outcome == "removed"
    assert desk.check(first).channels == (kept,)
    [defined, (removed, note)] = desk.sent(PINGS)
    assert defined == (first, CheckDefined(at=NOW, check=desk.check(first)))
    assert isinstance(note, NoticesChosen)
    assert (removed, note.notices, note.name) == (channel, (), "")
    assert desk.sent(DELIVERIES) == [(channel, EndpointRemoved(at=NOW))]
    assert desk.ask(ChannelDelete(request="r", at=NOW, id=channel)).reason == "no such channel"


def test_channels_are_named_by_id_or_exact_name(desk: Desk) -> None:
    one, two, three = desk.channel("one"), desk.channel("two words"), desk.channel("twin")
    four = desk.channel("twin")
    cases = {
        "": (),
        one: (one,),
        "two words": (two,),
        f"{three},one,{one}": (one, three),
        "*": (one, two, three, four),
    }
    for text, ids in cases.items():
        assert desk.check(desk.create(channels=text).id).channels == tuple(sorted(ids))


def test_the_channels_of_a_check_are_in_order(desk: Desk) -> None:
    check = desk.create().id
    ids = [desk.channel(f"c{n}", on_every_check=True) for n in range(8)]
    in_order = tuple(sorted(ids))
    assert desk.check(check).channels == in_order
    for text in ("*", ",".join(reversed(ids)), ",".join(f"c{n}" for n in range(8))):
        assert desk.check(desk.create(channels=text).id).channels == in_order
    assert desk.check(desk.create(slug="s", provision=True).id).channels == in_order


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nope", "invalid channel identifier: nope"),
        ("One", "invalid channel identifier: One"),
        ("one, twin", "invalid channel identifier:  twin"),
        ("*,one", "invalid channel identifier: *"),
        ("twin", "non-unique channel identifier: twin"),
        ("one,", "empty channel identifier"),
        (",", "empty channel identifier"),
    ],
)
def test_unclear_channels_are_refused_before_anything_changes(desk: Desk, text: str, reason: str) -> None:
    desk.channel("one"), desk.channel("twin"), desk.channel("twin")
    id = desk.create(name="a").id
    for verdict in (
        desk.create(channels=text),
        desk.update(id, name="b", channels=text),
        desk.create(name="a", desc="d", channels=text, unique=("name",)),
    ):
        assert (verdict.outcome, verdict.reason) == ("refused", reason)
        assert len(desk.effects) == 1
    assert desk.check(id) == Check(id=id, project=desk.project, version=1, created=NOW, name="a")


# Time, and what makes no sense


def test_a_request_counts_at_its_own_time_or_the_partitions(desk: Desk) -> None:
    desk.tick(NOW + 10 * SECOND)
    assert desk.check(desk.create().id).created == NOW + 10 * SECOND
    desk.at = NOW + 12 * SECOND
    assert desk.check(desk.create().id).created == NOW + 12 * SECOND
    desk.tick(NOW + 11 * SECOND)
    desk.tick(NOW + 9 * SECOND)
    assert desk.session.progress.time == NOW + 11 * SECOND
    ahead = CheckCreate(request="r", at=NOW + 71 * SECOND, id=new_id())
    assert desk.ask(ahead).outcome == "made"
    assert "60 s ahead" in desk.refusal(msgspec.structs.replace(ahead, at=ahead.at + 1, id=new_id()))


def test_after_a_stop_the_first_request_need_not_wait_for_a_tick(desk: Desk) -> None:
    desk.tick(NOW)
    next_day = NOW + 86_400 * SECOND
    request = CheckCreate(request="r", at=next_day, id=new_id())
    effects = desk.session.step([Record(desk.offset, next_day + SECOND, desk.project.encode(), encode(request))])
    assert [effect.topic for effect in effects] == [PINGS, DECISIONS, TRANSITIONS]
    assert desk.check(request.id).created == next_day


def test_times_that_no_clock_tells_are_refused(desk: Desk) -> None:
    assert "1970" in desk.refusal(CheckCreate(request="r", at=-1, id=new_id()))
    assert "ahead" in desk.refusal(CheckCreate(request="r", at=2**62, id=new_id()))
    assert "no clock" in desk.refusal(Tick(slot="ticker", epoch=1, at=2**62, now=2**62))
    assert desk.session.progress.time == 0


@pytest.mark.parametrize(
    "fields",
    [
        CheckFields(schedule=Cron(expression="not a cron", tz="UTC")),
        CheckFields(schedule=Cron(expression="* * * * *", tz="Mars/Olympus")),
        CheckFields(schedule=Simple(period=10**12)),
    ],
)
def test_a_schedule_that_cannot_be_followed_is_refused(desk: Desk, fields: CheckFields) -> None:
    id = desk.create().id
    assert desk.refusal(CheckCreate(request="r", at=NOW, id=new_id(), fields=fields))
    assert desk.refusal(CheckUpdate(request="r", at=NOW, id=id, fields=fields))


def test_candidate_ids_are_uuids(desk: Desk) -> None:
    channel = Channel(id="a,b", project=desk.project, kind="webhook", url="http://x/", created=0)
    assert "UUID" in desk.refusal(CheckCreate(request="r", at=NOW, id="x"))
    assert "UUID" in desk.refusal(ChannelCreate(request="r", at=NOW, channel=channel))
    assert "UUID" in desk.refusal(KeyCreate(request="r", at=NOW, key=key_of(desk.project, "x")))


@pytest.mark.parametrize("value", [b"", b"{", b'{"type":"check.create"}', b'{"type":"check.fly"}', b"\xff", None])
def test_what_is_no_request_is_a_dead_letter(desk: Desk, value: bytes | None) -> None:
    [effect] = desk.session.step([Record(desk.offset, 0, desk.project.encode(), value)])
    assert effect.topic is DEAD_LETTERS
