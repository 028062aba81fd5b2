"""Decisions of the `projects` fold about heartbeat checks: create, change, delete, and their channels.

This fold decides which check an upsert means, by its own index and in the order of the journal. So a project has one
check for each combination of unique fields, however many requests arrive at once.
"""

from typing import Any

from msgspec.structs import replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.check_fields import resolved
from processors.projects.claims import released
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from processors.projects.mutes import without_past_mute
from processors.projects.tokens import ProjectTokens
from schemas.base import Micros
from schemas.claims import CheckClaimed
from schemas.definitions import Channel, Check, Project, definition_key
from schemas.pings import CheckDefined, CheckRemoved
from schemas.rejections import RejectionCode
from schemas.requests import CheckCreate, CheckDelete, CheckFields, CheckUpdate, MuteEnded
from schemas.topics import PINGS

# Checks may come into being by pings until this many times the project's limit, as with Healthchecks.
_PROVISIONED_LIMIT = 2


class ProjectChecks:
    """The checks of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex, tokens: ProjectTokens) -> None:
        self._view, self._index, self._tokens = view, index, tokens

    def put_on_every(self, channel: Channel, at: Micros) -> list[Effect]:
        """A channel is put on every check of its project."""
        return [
            self._redefine(check, at, channels=tuple(sorted((*check.channels, channel.id))))
            for check in self._index.checks(channel.project)
        ]

    def take_off_every(self, channel: Channel, at: Micros) -> list[Effect]:
        """A channel is gone."""
        return [
            self._redefine(check, at, channels=tuple(id for id in check.channels if id != channel.id))
            for check in self._index.checks(channel.project)
            if channel.id in check.channels
        ]

    def create(self, request: CheckCreate, project: Project, at: Micros) -> list[Effect]:
        """A new check; or the one that the slug of a ping or the unique fields of an upsert mean."""
        if request.provision and not request.fields.slug:
            raise InvalidEvent("a check made by a ping needs a slug")
        new = Check(id=request.id, project=project.id, version=1, created=at)
        if self._index.is_there(new):
            return self._found(request, request.id)
        if request.provision:
            return self._provision(request, project, new)
        oldest = self._index.oldest(project.id, request.fields, request.unique)
        if oldest is not None:
            return self.change(request, oldest, at)
        self._must_have_room(project, 1)
        return self._define_new(request, replace(new, **self._wanted(request.fields, new, at)))

    def create_claimed(self, request: CheckClaimed, project: Project, at: Micros) -> list[Effect]:
        """A new check under an id that the project has claimed; or that check with the fields that are given."""
        new = Check(id=request.id, project=project.id, version=1, created=at, claim=request.request)
        if self._index.is_there(new):
            check = self._index.check(project.id, request.id)
            wanted = self._wanted(request.fields, check, at) | {"claim": request.request}
            return [
                self._redefine(check, at, **wanted),
                decision(request, "updated", check.id, check.version + 1),
            ]
        self._must_have_room(project, 1)
        return self._define_new(request, replace(new, **self._wanted(request.fields, new, at)))

    def change(self, request: CheckCreate | CheckUpdate, check: Check, at: Micros) -> list[Effect]:
        """The check with the fields that are given. One that stays as it is keeps its version."""
        wanted = self._wanted(request.fields, check, at)
        if replace(check, **wanted) == check:
            return [decision(request, "updated", check.id, check.version)]
        return [self._redefine(check, at, **wanted), decision(request, "updated", check.id, check.version + 1)]

    def delete(self, request: CheckDelete, check: Check, at: Micros) -> list[Effect]:
        """The check is gone."""
        self._view.delete(definition_key(check))
        return [
            Effect(PINGS, check.id, CheckRemoved(at=at)),
            *released(check, at),
            decision(request, "removed", check.id, check.version),
        ]

    def end_mute(self, event: MuteEnded, project: str) -> list[Effect]:
        """A mute of a check is over, unless there is another one meanwhile."""
        check = self._view.get(f"check/{event.id}")
        if not isinstance(check, Check) or check.project != project or check.mute_until != event.until:
            return []
        return [self._redefine(check, event.at, mute_until=None)] if event.until is not None else []

    def _provision(self, request: CheckCreate, project: Project, new: Check) -> list[Effect]:
        slug = str(request.fields.slug)
        there = self._index.with_slug(project.id, slug)
        if len(there) > 1:
            raise RequestRejected(RejectionCode.AMBIGUOUS_SLUG)
        if there:
            return self._found(request, there[0][1])
        self._must_have_room(project, _PROVISIONED_LIMIT)
        return self._define_new(request, replace(new, name=slug, slug=slug, channels=self._index.channels(project.id)))

    def _found(self, request: CheckCreate, id: str) -> list[Effect]:
        return [decision(request, "found", id, self._view.get(f"check/{id}").version)]

    def _define_new(self, request: CheckCreate | CheckClaimed, check: Check) -> list[Effect]:
        check = self._tokens.named(check)
        self._view.put(definition_key(check), check)
        defined = Effect(PINGS, check.id, CheckDefined(at=check.created, check=check))
        return [defined, decision(request, "made", check.id, check.version)]

    def _redefine(self, check: Check, at: Micros, **changes: Any) -> Effect:
        changed = replace(check, version=check.version + 1, **changes)
        self._view.put(definition_key(changed), changed)
        return Effect(PINGS, changed.id, CheckDefined(at=at, check=changed))

    def _wanted(self, fields: CheckFields, check: Check, at: Micros) -> dict[str, Any]:
        wanted = without_past_mute(resolved(fields, check), at)
        if "channels" in wanted:
            wanted["channels"] = self._index.named_channels(check.project, wanted["channels"])
        return wanted

    def _must_have_room(self, project: Project, times: int) -> None:
        if project.check_limit is not None and self._index.count(project.id) >= times * project.check_limit:
            raise RequestRejected(RejectionCode.LIMIT_REACHED)
