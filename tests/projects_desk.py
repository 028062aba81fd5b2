"""Requests of one project put to the `projects` fold, one after another, and its decisions."""

from collections.abc import Iterable
from typing import Any

import msgspec

from processors.fold.contract import SAME, Effect, Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects
from schemas.base import SECOND, encode
from schemas.dead_letters import DeadLetter
from schemas.decisions import Decision
from schemas.definitions import Channel, Check, Project
from schemas.ids import new_id
from schemas.requests import ChannelCreate, CheckCreate, CheckFields, CheckUpdate, ProjectCreate, ProjectsRequest
from schemas.ticks import Tick
from schemas.topics import DEAD_LETTERS, DECISIONS

NOW = 1_700_000_000 * SECOND


class Desk:
    """Puts requests of one project to the fold and hears the verdicts."""

    def __init__(self, check_limit: int | None = None) -> None:
        self.session = Session(Projects(), 0, View())
        self.project = new_id()
        self.offset = 0
        self.at = NOW
        self.effects: list[Effect] = []
        project = Project(
            id=self.project, name="P", ping_key="k", created=0, webhook_secret="sealed", check_limit=check_limit
        )
        assert self.ask(ProjectCreate(request="first", at=NOW, project=project)).outcome == "made"

    def put(self, event: msgspec.Struct, owner: str | None = None) -> list[Effect]:
        key = (self.project if owner is None else owner).encode()
        self.effects = self.session.step([Record(self.offset, 0, key, encode(event))])
        self.offset += 1
        return self.effects

    def ask(self, request: ProjectsRequest, owner: str | None = None) -> Decision:
        effects = self.put(request, owner)
        verdicts = [effect for effect in effects if effect.topic is DECISIONS]
        assert len(verdicts) == 1
        assert verdicts[0].partition == SAME
        assert verdicts[0].key == request.request
        decision = verdicts[0].value
        assert isinstance(decision, Decision)
        assert decision.request == request.request
        return decision

    def refusal(self, event: msgspec.Struct, owner: str | None = None) -> str:
        """The reason in the dead letter that the event became; the verdict, where there is one, tells the same."""
        before = dict(self.session.view.items())
        effect, *verdicts = self.put(event, owner)
        assert effect.topic is DEAD_LETTERS
        assert isinstance(effect.value, DeadLetter)
        for verdict in verdicts:
            assert isinstance(verdict.value, Decision)
            assert verdict.value.detail == effect.value.reason
        assert {**dict(self.session.view.items()), "partition": None} == {**before, "partition": None}
        return effect.value.reason

    def create(self, *, id: str = "", unique: Iterable[Any] = (), provision: bool = False, **fields: Any) -> Decision:
        return self.ask(
            CheckCreate(
                request=new_id(),
                at=self.at,
                id=id or new_id(),
                fields=CheckFields(**fields),
                unique=tuple(unique),
                provision=provision,
            )
        )

    def update(self, id: str, **fields: Any) -> Decision:
        return self.ask(CheckUpdate(request=new_id(), at=self.at, id=id, fields=CheckFields(**fields)))

    def channel(self, name: str = "", on_every_check: bool = False, secret: str | None = None) -> str:
        channel = Channel(
            id=new_id(), project=self.project, kind="webhook", url="http://x/", created=0, name=name, secret=secret
        )
        request = ChannelCreate(request=new_id(), at=self.at, channel=channel, on_every_check=on_every_check)
        assert self.ask(request).outcome == "made"
        return channel.id

    def tick(self, now: int) -> None:
        assert self.put(Tick(slot="ticker", epoch=1, at=now, now=now)) == []

    def check(self, id: str) -> Check:
        check = self.session.view.get(f"check/{id}")
        assert isinstance(check, Check)
        return check

    def sent(self, topic: object) -> list[tuple[str, msgspec.Struct]]:
        return [(effect.key, effect.value) for effect in self.effects if effect.topic is topic]
