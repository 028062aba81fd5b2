"""Decisions of the `projects` fold about who may see and change a project, in the project's partition. Pure.

See `schemas.people`. A project that has an owner among its people keeps one: the last one can neither be removed nor
get another role, except by the owner of the instance, who owns every project. An invitation works once, and only the
newest of a person is valid.
"""

from typing import Any

from msgspec.structs import replace

from processors.fold.contract import Effect
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import RequestRejected
from processors.projects.recipients import ProjectRecipients
from schemas.base import Micros
from schemas.definitions import Project
from schemas.people import (
    MOST_MEMBERS,
    Member,
    MemberAccept,
    MemberChange,
    MemberInvite,
    MemberRemove,
    MemberRequest,
    PersonMade,
    member_id,
    member_key,
    person_id,
)
from schemas.recipients import normalized
from schemas.rejections import RejectionCode
from schemas.topics import PROJECTS

# Actors who own every project.
_OF_THE_INSTANCE = ("admin", "cli")


class ProjectMembers:
    """The people of one partition's projects. recipients: what may be mailed to whom."""

    def __init__(self, view: View, recipients: ProjectRecipients) -> None:
        self._view, self._recipients = view, recipients
        # Ids by project: an index that follows the view.
        self._of: dict[str, set[str]] = {}
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, _key: str, old: Any, new: Any) -> None:
        if isinstance(old, Member):
            self._of[old.project].discard(old.id)
        if isinstance(new, Member):
            self._of.setdefault(new.project, set()).add(new.id)

    def decide(self, request: MemberRequest, project: Project, at: Micros) -> list[Effect]:
        """Decide a request that is keyed by the project."""
        if isinstance(request, MemberInvite):
            return self._invite(request, project, at)
        member = self._view.get(member_key(request.id))
        if not isinstance(member, Member) or member.project != project.id:
            raise RequestRejected(RejectionCode.PERSON_NOT_FOUND)
        match request:
            case MemberAccept():
                return self._accept(request, member, at)
            case MemberChange():
                return self._change(request, member)
            case MemberRemove():
                return self._remove(request, member)

    def _invite(self, request: MemberInvite, project: Project, at: Micros) -> list[Effect]:
        person = person_id(request.mail)
        id = member_id(project.id, person)
        there: Member | None = self._view.get(member_key(id))
        if there is not None and there.joined is not None:
            raise RequestRejected(RejectionCode.ALREADY_EXISTS)
        if there is None and len(self._of.get(project.id, ())) >= MOST_MEMBERS:
            raise RequestRejected(RejectionCode.LIMIT_REACHED, f"a project has at most {MOST_MEMBERS} people")
        member = Member(
            id=id,
            project=project.id,
            person=person,
            mail=normalized(request.mail),
            role=request.role,
            # It grows even over one that was removed, of which a copy may have been left behind.
            version=at if there is None else there.version + 1,
            created=at,
            invitation=request.request,
            expires=request.expires,
        )
        mails = self._recipients.invite(request, member, project, at) if request.site else []
        if mails:
            member = replace(member, mailed=at)
        self._view.put(member_key(id), member)
        return [*mails, decision(request, "made" if there is None else "updated", id, member.version)]

    def _accept(self, request: MemberAccept, member: Member, at: Micros) -> list[Effect]:
        is_open = member.expires is not None and at < member.expires
        if member.joined is not None or member.invitation != request.invitation or not is_open:
            raise RequestRejected(RejectionCode.CHANGED_MEANWHILE, "the invitation was used, withdrawn or has expired")
        joined = replace(member, joined=at, invitation="", expires=None, mailed=None, version=member.version + 1)
        self._view.put(member_key(member.id), joined)
        made = PersonMade(
            request=request.request,
            at=request.at,
            actor=request.actor,
            partition_count=request.partition_count,
            mail=member.mail,
            name=request.name,
            password=request.password,
        )
        # The decision on the request is that on the person, who is there then.
        return [Effect(PROJECTS, member.person, made)]

    def _change(self, request: MemberChange, member: Member) -> list[Effect]:
        if request.role != "owner":
            self._must_not_be_last(request, member)
        if request.role != member.role:
            member = replace(member, role=request.role, version=member.version + 1)
            self._view.put(member_key(member.id), member)
        return [decision(request, "updated", member.id, member.version)]

    def _remove(self, request: MemberRemove, member: Member) -> list[Effect]:
        self._must_not_be_last(request, member)
        self._view.delete(member_key(member.id))
        return [decision(request, "removed", member.id, member.version)]

    def _must_not_be_last(self, request: MemberRequest, member: Member) -> None:
        if not _is_owner(member) or (request.actor is not None and request.actor.kind in _OF_THE_INSTANCE):
            return
        others = (self._view.get(member_key(id)) for id in self._of[member.project] if id != member.id)
        if not any(_is_owner(one) for one in others):
            raise RequestRejected(RejectionCode.LAST_OWNER)


def _is_owner(member: Member) -> bool:
    return member.role == "owner" and member.joined is not None
