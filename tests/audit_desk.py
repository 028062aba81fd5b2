"""The fold of projects with an audit trail, in memory."""

from typing import Any

import msgspec

from processors.fold.contract import SAME, Effect
from schemas.actors import Actor
from schemas.ids import new_id
from schemas.requests import (
    ChannelDisabled,
    CheckCreate,
    CheckFields,
)
from schemas.topics import TRANSITIONS
from schemas.transitions import ThingChanged
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


def asked(**more: Any) -> dict[str, Any]:
    return {"request": new_id(), "at": NOW, **more}


def create(**fields: Any) -> CheckCreate:
    return CheckCreate(**asked(id=new_id(), fields=CheckFields(**fields)))
