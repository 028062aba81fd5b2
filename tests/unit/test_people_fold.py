"""What the fold of projects decides about people: examples, one for each rule, and whatever is asked in any order."""

from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.fold.contract import Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects
from schemas.actors import Actor
from schemas.base import SECOND, encode
from schemas.decisions import Decision
from schemas.definitions import Project
from schemas.ids import derived_id, new_id
from schemas.people import (
    MOST_ENDED,
    MOST_MEMBERS,
    MOST_WRONG_CODES,
    OWNER,
    WRONG_CODES_SPAN,
    CodeUse,
    CodeWrong,
    Member,
    MemberAccept,
    MemberChange,
    MemberInvite,
    MemberRemove,
    Person,
    PersonMade,
    PersonRemove,
    PersonUpdate,
    SessionEnd,
    member_id,
    member_key,
    person_id,
    person_key,
)
from schemas.rejections import RejectionCode
from schemas.requests import ProjectCreate
from schemas.topics import DECISIONS, PROJECTS
from tests.projects_desk import NOW, Desk

ANN, BOB = "ann@example.org", "bob@example.org"
HASH, OTHER_HASH = "$argon2id$v=19$x", "$argon2id$v=19$y"
LATER = NOW + 7 * 86_400 * SECOND
BY_ADMIN = Actor(kind="admin")


def invite(desk: Desk, mail: str = ANN, role: str = "editor", **more: Any) -> tuple[str, str]:
    """Invite; the ids of membership and invitation."""
    fields: dict[str, Any] = {"mail": mail, "role": role, "expires": LATER} | more
    request = MemberInvite(request=new_id(), at=desk.at, **fields)
    decision = desk.ask(request)
    assert decision.outcome in ("made", "updated"), decision
    return decision.id, request.request


def accept(desk: Desk, id: str, invitation: str, password: str = HASH) -> Decision | RejectionCode:
    """Accept; the decision on the person who follows from it, or why it is refused."""
    request = MemberAccept(
        request=new_id(), at=desk.at, id=id, invitation=invitation, name="Ann", password=password
    )  # fmt: skip
    effects = desk.put(request)
    [made] = [effect for effect in effects if effect.topic in (PROJECTS, DECISIONS)]
    if isinstance(made.value, Decision):
        assert made.value.code is not None
        return made.value.code
    assert isinstance(made.value, PersonMade)
    return desk.ask(made.value, made.key)


def join(desk: Desk, mail: str = ANN, role: str = "editor") -> str:
    id, invitation = invite(desk, mail, role)
    assert isinstance(accept(desk, id, invitation), Decision)
    return id


def member(desk: Desk, id: str) -> Member:
    found = desk.session.view.get(member_key(id))
    assert isinstance(found, Member)
    return found


def person(desk: Desk, mail: str = ANN) -> Person:
    found = desk.session.view.get(person_key(person_id(mail)))
    assert isinstance(found, Person)
    return found


def change(desk: Desk, mail: str = ANN, **fields: Any) -> Decision:
    return desk.ask(PersonUpdate(request=new_id(), at=desk.at, **fields), person_id(mail))


def test_one_address_is_one_person() -> None:
    assert person_id("Ann@Example.org") == person_id(ANN) != person_id(BOB)
    assert person_id("ÄNN@example.org") != person_id("änn@example.org")  # tables of other letters change
    desk = Desk()
    first, _ = invite(desk, "ANN@example.org")
    second, _ = invite(desk, ANN)
    assert first == second == member_id(desk.project, person_id(ANN))


def test_an_accepted_invitation_makes_the_person_in_his_own_partition() -> None:
    desk = Desk()
    id, invitation = invite(desk, "Ann@example.org")
    decision = accept(desk, id, invitation)
    assert isinstance(decision, Decision)
    assert (decision.outcome, decision.id) == ("made", person_id(ANN))
    assert (person(desk).mail, person(desk).name, person(desk).password) == (ANN, "Ann", HASH)
    joined = member(desk, id)
    assert (joined.joined, joined.invitation, joined.expires) == (NOW, "", None)


def test_who_is_known_keeps_his_name_and_password() -> None:
    desk = Desk()
    join(desk)
    before = person(desk)
    other = derived_id("project", "other")
    project = Project(id=other, name="O", ping_key="o", created=0, webhook_secret="")
    assert desk.ask(ProjectCreate(request=new_id(), at=NOW, project=project), other).outcome == "made"
    request = MemberInvite(request=new_id(), at=NOW, mail=ANN, role="owner", expires=LATER)
    id = desk.ask(request, other).id
    asked = MemberAccept(
        request=new_id(), at=NOW, id=id, invitation=request.request, name="Eve", password=OTHER_HASH
    )  # fmt: skip
    [made] = [effect for effect in desk.put(asked, other) if effect.topic is PROJECTS]
    assert desk.ask(made.value, made.key).outcome == "found"  # type: ignore[arg-type]
    assert person(desk) == before


def test_an_invitation_opens_once_and_only_the_newest() -> None:
    desk = Desk()
    id, first = invite(desk)
    _, second = invite(desk, role="viewer")
    assert accept(desk, id, first) is RejectionCode.CHANGED_MEANWHILE
    assert isinstance(accept(desk, id, second), Decision)
    assert accept(desk, id, second) is RejectionCode.CHANGED_MEANWHILE
    refused = desk.ask(MemberInvite(request=new_id(), at=NOW, mail=ANN, role="owner", expires=LATER))
    assert (refused.code, member(desk, id).role) == (RejectionCode.ALREADY_EXISTS, "viewer")


def test_an_invitation_ends() -> None:
    desk = Desk()
    id, invitation = invite(desk, expires=NOW + 10 * SECOND)
    desk.at += 10 * SECOND
    assert accept(desk, id, invitation) is RejectionCode.CHANGED_MEANWHILE
    assert person_key(person_id(ANN)) not in dict(desk.session.view.items())


def test_a_withdrawn_invitation_does_not_open() -> None:
    desk = Desk()
    id, invitation = invite(desk)
    assert desk.ask(MemberRemove(request=new_id(), at=NOW, id=id)).outcome == "removed"
    assert accept(desk, id, invitation) is RejectionCode.PERSON_NOT_FOUND
    assert accept(desk, invite(desk)[0], invitation) is RejectionCode.CHANGED_MEANWHILE


def test_a_membership_grows_over_one_that_was_removed() -> None:
    """A copy may have been left behind, in a process that has not read the removal."""
    desk = Desk()
    id = join(desk)
    desk.ask(MemberRemove(request=new_id(), at=NOW, id=id))
    before, desk.at = NOW + 1, NOW + SECOND
    assert member(desk, invite(desk)[0]).version > before


def test_the_last_owner_stays_but_for_the_owner_of_the_instance() -> None:
    desk = Desk()
    ann = join(desk, role="owner")
    invite(desk, BOB, "owner")  # who is only invited does not count
    for request in (
        MemberRemove(request=new_id(), at=NOW, id=ann),
        MemberChange(request=new_id(), at=NOW, id=ann, role="viewer"),
    ):
        assert desk.ask(request).code is RejectionCode.LAST_OWNER
        assert desk.ask(replace(request, request=new_id(), actor=Actor(kind="person"))).code is RejectionCode.LAST_OWNER
    join(desk, BOB, "owner")
    assert desk.ask(MemberChange(request=new_id(), at=NOW, id=ann, role="viewer")).outcome == "updated"
    bob = member_id(desk.project, person_id(BOB))
    assert desk.ask(MemberRemove(request=new_id(), at=NOW, id=bob)).code is RejectionCode.LAST_OWNER
    assert desk.ask(MemberRemove(request=new_id(), at=NOW, id=bob, actor=BY_ADMIN)).outcome == "removed"


def test_people_of_another_project_are_nobody() -> None:
    desk = Desk()
    id = join(desk)
    other = derived_id("project", "other")
    project = Project(id=other, name="O", ping_key="o", created=0, webhook_secret="")
    desk.ask(ProjectCreate(request=new_id(), at=NOW, project=project), other)
    for request in (
        MemberRemove(request=new_id(), at=NOW, id=id),
        MemberChange(request=new_id(), at=NOW, id=id, role="owner"),
        MemberAccept(request=new_id(), at=NOW, id=id, invitation="x", name="Eve"),
    ):
        assert desk.ask(request, other).code is RejectionCode.PERSON_NOT_FOUND
    assert member(desk, id).role == "editor"


def test_a_project_has_so_many_people() -> None:
    desk = Desk()
    for number in range(MOST_MEMBERS):
        invite(desk, f"p{number}@example.org")
    refused = desk.ask(MemberInvite(request=new_id(), at=NOW, mail=ANN, role="viewer", expires=LATER))
    assert refused.code is RejectionCode.LIMIT_REACHED
    invite(desk, "p7@example.org")  # again


def test_what_changes_how_he_signs_in_ends_his_sessions() -> None:
    desk = Desk()
    join(desk)
    epochs = [person(desk).epoch]
    for fields in (
        {"name": "Ann B."},
        {"password": OTHER_HASH},
        {"totp": "sealed", "recovery": ("a" * 64,)},
        {"sign_out": True},
        {"recovery": ()},
        {"totp": ""},
    ):
        assert change(desk, **fields).outcome == "updated"
        epochs.append(person(desk).epoch)
    assert [epoch - NOW for epoch in epochs] == [0, 0, 1, 2, 3, 3, 4]


def test_a_change_is_made_to_what_was_shown() -> None:
    desk = Desk()
    join(desk)
    assert change(desk, name="B", based_on=NOW).version == NOW + 1
    assert change(desk, name="C", based_on=1).code is RejectionCode.CHANGED_MEANWHILE
    assert person(desk).name == "B"
    assert change(desk, BOB, name="x").code is RejectionCode.PERSON_NOT_FOUND


def test_a_code_is_used_once() -> None:
    desk = Desk()
    join(desk)
    change(desk, totp="sealed", totp_step=100, recovery=("a" * 64, "b" * 64))
    outcomes = []
    for step in (100, 101, 101, 99, 103, 102):
        outcomes.append(desk.ask(CodeUse(request=new_id(), at=NOW, step=step), person_id(ANN)).outcome)
    assert outcomes == ["refused", "updated", "refused", "refused", "updated", "refused"]
    for code, outcome in (("a", "updated"), ("a", "refused"), ("c", "refused"), ("b", "updated")):
        used = desk.ask(CodeUse(request=new_id(), at=NOW, recovery=code * 64), person_id(ANN))
        assert used.outcome == outcome
    assert person(desk).recovery == ()


def test_after_wrong_codes_none_is_right_for_a_while() -> None:
    desk = Desk()
    join(desk)
    change(desk, totp="sealed", totp_step=100, recovery=("a" * 64,))
    ann = person_id(ANN)

    def use(step: int, after: int) -> str:
        return desk.ask(CodeUse(request=new_id(), at=NOW + after, step=step), ann).outcome

    for number in range(MOST_WRONG_CODES + 5):
        assert desk.ask(CodeWrong(request=new_id(), at=NOW + number), ann).outcome == "updated"
    assert len(person(desk).wrong_codes) == MOST_WRONG_CODES
    assert use(101, WRONG_CODES_SPAN) == "refused"
    assert use(102, 5 + WRONG_CODES_SPAN) == "updated"
    assert person(desk).wrong_codes == ()


def test_a_session_is_ended_alone() -> None:
    desk = Desk()
    join(desk)
    epoch = person(desk).epoch
    for number in range(MOST_ENDED):
        end = SessionEnd(request=new_id(), at=NOW, nonce=f"{number:016x}", until=NOW + 10 + number)
        assert desk.ask(end, person_id(ANN)).outcome == "updated"
    assert (len(person(desk).ended), person(desk).epoch) == (MOST_ENDED, epoch)
    # What has ended by itself is forgotten, and what is over already is not remembered.
    late = SessionEnd(request=new_id(), at=NOW + 20, nonce="f" * 16, until=NOW + 20)
    desk.ask(late, person_id(ANN))
    assert len(person(desk).ended) == MOST_ENDED - 11
    for number in range(MOST_ENDED):
        desk.ask(SessionEnd(request=new_id(), at=NOW + 20, nonce=f"{number:015x}e", until=NOW + 90), person_id(ANN))
    assert (person(desk).epoch, len(person(desk).ended) < MOST_ENDED) == (epoch + 1, True)


def test_who_has_the_address_of_one_who_was_removed_is_another() -> None:
    desk = Desk()
    id = join(desk)
    before = person(desk)
    desk.ask(MemberRemove(request=new_id(), at=NOW, id=id))
    desk.at = NOW + 1
    assert desk.ask(PersonRemove(request=new_id(), at=NOW + 1), person_id(ANN)).outcome == "removed"
    assert desk.session.view.get(person_key(person_id(ANN))) is None
    assert desk.ask(PersonRemove(request=new_id(), at=NOW + 1), person_id(ANN)).code is RejectionCode.PERSON_NOT_FOUND
    join(desk)
    assert person(desk).epoch > before.epoch
    assert person(desk).version > before.version


def test_the_owner_of_the_instance_is_there_from_the_beginning() -> None:
    desk = Desk()
    assert desk.ask(PersonUpdate(request=new_id(), at=NOW, name="Olga", based_on=0), OWNER).outcome == "updated"
    olga = desk.session.view.get(person_key(OWNER))
    assert isinstance(olga, Person)
    assert (olga.name, olga.mail, olga.epoch) == ("Olga", "", 0)
    assert "not removed" in desk.refusal(PersonRemove(request=new_id(), at=NOW), OWNER)
    assert OWNER not in (person_id(mail) for mail in ("", "admin", ANN))


def test_what_is_no_request_about_people_is_a_dead_letter() -> None:
    desk = Desk()
    join(desk)
    ann = person_id(ANN)
    assert "one code" in desk.refusal(CodeUse(request=new_id(), at=NOW), ann)
    assert "one code" in desk.refusal(CodeUse(request=new_id(), at=NOW, step=1, recovery="a" * 64), ann)
    assert "derived from" in desk.refusal(PersonMade(request=new_id(), at=NOW, mail=BOB, name="B"), ann)


_MAILS = st.sampled_from([ANN, BOB, "ANN@example.org"])
_ROLES = st.sampled_from(["owner", "editor", "viewer"])
_ASKED = st.one_of(
    st.tuples(st.just("invite"), _MAILS, _ROLES),
    st.tuples(st.just("accept"), _MAILS, st.sampled_from([0, 1])),
    st.tuples(st.just("change"), _MAILS, _ROLES),
    st.tuples(st.just("remove"), _MAILS, st.just(None)),
    st.tuples(st.just("update"), _MAILS, st.sampled_from([HASH, OTHER_HASH])),
    st.tuples(st.just("code"), _MAILS, st.integers(0, 5)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_ASKED, max_size=30), st.lists(st.integers(1, 7), min_size=1))
def test_whatever_is_asked(asked: list[tuple[str, str, Any]], pieces: list[int]) -> None:
    """Once a project has an owner it keeps one; epochs and versions grow; restarts in between change nothing."""
    desk, records, newest = Desk(), list[Record](), dict[str, list[str]]()
    records.append(Record(0, 0, desk.project.encode(), _project(desk.project)))
    owned = False
    for number, (what, mail, more) in enumerate(asked):
        id, person_of = member_id(desk.project, person_id(mail)), person_id(mail)
        base: dict[str, Any] = {"request": derived_id("request", number), "at": NOW + number}
        before = {key: value for key, value in desk.session.view.items() if isinstance(value, Person | Member)}
        key, request = desk.project, cast(Any, None)
        match what:
            case "invite":
                request = MemberInvite(mail=mail, role=more, expires=LATER, **base)
                newest.setdefault(id, []).append(request.request)
            case "accept":
                invitation = newest.get(id, ["none"])[-1 - more if len(newest.get(id, [])) > more else -1]
                request = MemberAccept(id=id, invitation=invitation, name="N", password=HASH, **base)
            case "change":
                request = MemberChange(id=id, role=more, **base)
            case "remove":
                request = MemberRemove(id=id, **base)
            case "update":
                key, request = person_of, PersonUpdate(password=more, **base)
            case "code":
                key, request = person_of, CodeUse(step=more, **base)
        assert request is not None
        waiting = [(key, request)]
        while waiting:
            to, event = waiting.pop(0)
            records.append(Record(desk.offset, 0, to.encode(), encode(event)))
            effects = desk.put(event, to)
            waiting += [(one.key, one.value) for one in effects if one.topic is PROJECTS]
        after = {key: value for key, value in desk.session.view.items() if isinstance(value, Person | Member)}
        owners = [one for one in after.values() if isinstance(one, Member) and one.role == "owner" and one.joined]
        owned = owned or bool(owners)
        assert bool(owners) == owned
        for name, record in after.items():
            if (old := before.get(name)) is not None and record != old:
                assert record.version == old.version + 1
                assert not isinstance(record, Person) or record.epoch >= old.epoch  # type: ignore[union-attr]
    assert _folded(records, pieces) == {
        name: encode(value) for name, value in desk.session.view.items() if isinstance(value, Person | Member)
    }


def _project(id: str) -> bytes:
    project = Project(id=id, name="P", ping_key="k", created=0, webhook_secret="sealed")
    return encode(ProjectCreate(request="first", at=NOW, project=project))


def _folded(records: list[Record], pieces: list[int]) -> dict[str, bytes]:
    """The people that come of the records, folded in pieces with a restart after each."""
    fold, view, at = Projects(), View(), 0
    while at < len(records):
        size = pieces[at % len(pieces)]
        session = Session(fold, 0, view)
        session.step(records[at : at + size])
        at += size
        view = View({key: fold.records.decode(encode(record)) for key, record in session.view.items()})
    return {name: encode(value) for name, value in view.items() if isinstance(value, Person | Member)}
