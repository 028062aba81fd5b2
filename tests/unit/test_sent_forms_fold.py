"""What the fold of projects makes of requests that come of forms: once each, and only over what was shown."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import new_id
from schemas.incidents import IncidentCommented
from schemas.rejections import RejectionCode
from schemas.requests import CheckCreate, CheckDelete, CheckFields, CheckUpdate, IncidentComment
from schemas.sent_forms import MOST_REMEMBERED, sent_forms_key
from tests.projects_desk import Desk


def rename(desk: Desk, id: str, name: str, **more: Any) -> CheckUpdate:
    return CheckUpdate(request=new_id(), at=desk.at, id=id, fields=CheckFields(name=name), **more)


def name_of(desk: Desk, id: str) -> str:
    name: str = desk.session.view.get(f"check/{id}").name
    return name


def test_a_comment_of_one_form_is_passed_on_once() -> None:
    desk = Desk()
    check = desk.create(name="a").id
    said = []
    for form in ("one", "one", "two", "one"):
        comment = IncidentComment(
            request=new_id(), at=desk.at, kind="check", thing=check, incident="i", comment="c", by="Ann", form=form
        )
        assert desk.ask(comment).outcome in ("updated", "found")
        said += [effect for effect in desk.effects if isinstance(effect.value, IncidentCommented)]
    assert len(said) == 2


def test_what_was_refused_may_come_again() -> None:
    desk = Desk(check_limit=1)
    check = desk.create(name="a").id
    made = CheckCreate(request=new_id(), at=desk.at, id=new_id(), fields=CheckFields(name="b"), form="f")
    assert desk.ask(made).code is RejectionCode.LIMIT_REACHED
    assert desk.ask(CheckDelete(request=new_id(), at=desk.at, id=check, form="g")).outcome == "removed"
    again = CheckDelete(request=new_id(), at=desk.at, id=check, form="g")
    assert (desk.ask(again).outcome, desk.ask(made).outcome) == ("removed", "made")
    other = CheckCreate(request=new_id(), at=desk.at, id=new_id(), fields=CheckFields(name="b"), form="f")
    found = desk.ask(other)
    assert (found.outcome, found.id) == ("found", made.id)


def test_of_two_who_save_in_one_moment_the_second_is_refused() -> None:
    desk = Desk()
    check = desk.create(name="a").id
    assert desk.ask(rename(desk, check, "b", based_on=1)).outcome == "updated"
    assert desk.ask(rename(desk, check, "c", based_on=1)).code is RejectionCode.CHANGED_MEANWHILE
    assert (name_of(desk, check), desk.ask(rename(desk, check, "c", based_on=2)).outcome) == ("b", "updated")
    assert desk.ask(rename(desk, new_id(), "d", based_on=2)).code is RejectionCode.CHECK_NOT_FOUND


@given(st.lists(st.integers(0, 60), max_size=120))
def test_whatever_comes_twice_changes_nothing(forms: list[int]) -> None:
    """Unless so many others came in between; and what is remembered has a bound."""
    desk = Desk()
    check, newest = desk.create(name="a").id, list[int]()
    for number, form in enumerate(forms):
        before = name_of(desk, check)
        desk.ask(rename(desk, check, f"n{number}", form=f"f{form}"))
        is_known = form in newest
        assert name_of(desk, check) == (before if is_known else f"n{number}")
        if not is_known:
            newest = [*newest, form][-MOST_REMEMBERED:]
    record = desk.session.view.get(sent_forms_key(desk.project))
    assert [one.form for one in record.taken] == [f"f{form}" for form in newest] if record else not forms


def test_no_form_leaves_no_record() -> None:
    desk = Desk()
    desk.create(name="a")
    assert desk.session.view.get(sent_forms_key(desk.project)) is None
