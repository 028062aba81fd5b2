"""Random stories of posts and subscribers of status pages against the fold of projects."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from processors.fold.contract import Effect, Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects
from schemas.base import SECOND, encode
from schemas.definitions import Project
from schemas.deliveries import ConfirmationRequested, DeliveryRequested, EndpointDefined, EndpointRemoved
from schemas.page_subscribers import (
    CONFIRM_WITHIN,
    MOST_REQUESTS,
    PageSubscribe,
    PageSubscriber,
    PageSubscriptionConfirm,
    PageSubscriptionEnd,
    subscriber_id,
)
from schemas.project_news import ChannelDisabled
from schemas.requests import ProjectCreate, ProjectsEvent, StatusPageCreate, StatusPageDelete, StatusPageFields
from schemas.status_posts import POST_STATES, PostCreate, PostDelete, PostEdit, PostUpdate, StatusPost
from schemas.ticks import Tick
from schemas.topics import DECISIONS, DELIVERIES

Event = ProjectsEvent | Tick

OWNER = str(UUID(int=1))
START = 1_000 * SECOND
PAGES = [str(UUID(int=n)) for n in (30, 31)]
ADDRESSES = ["a@example.org", "A@example.org", "b@example.org"]

times = st.integers(0, 40).map(lambda number: START + number * CONFIRM_WITHIN // 10)
pages, addresses = st.sampled_from(PAGES), st.sampled_from(ADDRESSES)
posts = st.sampled_from([str(UUID(int=n)) for n in (60, 61, 62)])
subscribers = st.sampled_from([subscriber_id(page, address) for page in PAGES for address in ADDRESSES])
said = {"state": st.sampled_from(POST_STATES), "text": st.sampled_from(["x", "y"]), "notify": st.booleans()}
asked = {"request": st.just("r"), "at": times}
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(StatusPageCreate, **asked, id=pages, fields=st.just(StatusPageFields(title="Page"))),
    st.builds(StatusPageDelete, **asked, id=pages),
    st.builds(PostCreate, **asked, id=posts, page=pages, title=st.just("t"), **said),
    st.builds(PostUpdate, **asked, id=posts, **said),
    st.builds(PostEdit, **asked, id=posts, update=st.integers(1, 3), text=st.sampled_from(["x", "z"])),
    st.builds(PostDelete, **asked, id=posts),
    st.builds(PageSubscribe, **asked, page=pages, address=addresses),
    st.builds(PageSubscribe, **asked, page=pages, address=addresses),
    st.builds(PageSubscriptionConfirm, **asked, id=subscribers),
    st.builds(PageSubscriptionConfirm, **asked, id=subscribers),
    st.builds(PageSubscriptionEnd, **asked, id=subscribers),
    st.builds(ChannelDisabled, channel=subscribers, at=times, because=st.just("no such mailbox")),
    st.builds(lambda now: Tick(slot="t", epoch=1, at=now, now=now), times),
)
FIRST: list[Event] = [
    ProjectCreate(
        request="r",
        at=START,
        project=Project(id=OWNER, name="", ping_key="k", created=0, webhook_secret="s"),
    ),
    StatusPageCreate(request="r", at=START, id=PAGES[0], fields=StatusPageFields(title="Page")),
]
stories = st.lists(events, max_size=30).map(lambda more: FIRST + more)


def records(story: Sequence[Event]) -> list[Record]:
    journal = []
    for offset, event in enumerate(story):
        if not isinstance(event, Tick | ChannelDisabled):
            event = msgspec.structs.replace(event, request=f"r{offset}")
        journal.append(Record(offset, 0, OWNER.encode(), encode(event)))
    return journal


def known(view: View) -> dict[str, PageSubscriber]:
    return {record.id: record for _, record in view.items() if isinstance(record, PageSubscriber)}


def mails(effects: Iterable[Effect]) -> list[Effect]:
    return [effect for effect in effects if effect.topic is DELIVERIES]


@given(stories)
def test_only_who_has_confirmed_is_mailed_and_each_of_them_once(story: list[Event]) -> None:
    session = Session(Projects(), 0, View())
    endpoints: set[str] = set()
    for record, event in zip(records(story), story, strict=True):
        confirmed = {id for id, one in known(session.view).items() if one.confirmed is not None}
        assert endpoints == confirmed
        told = []
        for effect in mails(session.step([record])):
            match effect.value:
                case EndpointDefined(endpoint=endpoint):
                    assert endpoint.addresses == (known(session.view)[effect.key].address,)
                    endpoints.add(effect.key)
                case EndpointRemoved():
                    endpoints.remove(effect.key)
                case DeliveryRequested(data=data):
                    told.append(effect.key)
                    page = data["page"]["id"]
                    assert effect.key in {id for id in confirmed if known(session.view)[id].page == page}
                case ConfirmationRequested(recipient=recipient):
                    assert known(session.view)[recipient].confirmed is None
                case other:
                    raise AssertionError(other)
        assert len(told) == len(set(told))
        assert isinstance(event, PostCreate | PostUpdate) or not told
    for one in known(session.view).values():
        assert one.times <= MOST_REQUESTS
        assert one.confirmed is not None or one.expires > session.progress.time


@given(stories, st.lists(st.integers(0, 30), max_size=3))
def test_restarts_give_what_a_single_pass_gives(story: list[Event], cuts: list[int]) -> None:
    journal = records(story)
    whole = Session(Projects(), 0, View())
    expected = whole.step(journal)
    view, seen = View(), list[Effect]()
    places = sorted(min(cut, len(journal)) for cut in cuts)
    for start, end in zip([0, *places], [*places, len(journal)], strict=True):
        session = Session(Projects(), 0, View(dict(sorted(view.items(), reverse=True))))
        seen += session.step(journal[start:end])
        view = session.view
    assert dict(view.items()) == dict(whole.view.items())
    assert seen == expected


@given(stories)
def test_nothing_outlives_its_page_and_every_request_is_answered(story: list[Event]) -> None:
    session = Session(Projects(), 0, View())
    effects = session.step(records(story))
    view = dict(session.view.items())
    for record in view.values():
        if isinstance(record, StatusPost | PageSubscriber):
            assert f"status-page/{record.page}" in view
        if isinstance(record, StatusPost):
            assert record.updates
            assert record.version >= len(record.updates)
    answered = {effect.key for effect in effects if effect.topic is DECISIONS}
    assert answered == {f"r{n}" for n, event in enumerate(story) if not isinstance(event, Tick | ChannelDisabled)}
