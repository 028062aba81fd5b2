"""Decisions of the `projects` fold about channels: create, change, delete, and their assignment. Pure.

Deleting a channel removes it from all definitions that name it, in the same event.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import UNSET
from msgspec.structs import asdict, replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.channels import define_channel, of_other_kinds
from processors.projects.checks import ProjectChecks
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from processors.projects.message_templates import ProjectTemplates
from processors.projects.monitors import ProjectMonitors
from processors.projects.mutes import without_past_mute
from processors.projects.recipients import ProjectRecipients
from processors.projects.rotations import ProjectRotations
from processors.projects.tokens import ProjectTokens
from schemas.base import Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel, Project, definition_key
from schemas.deliveries import EndpointRemoved
from schemas.origins import written_origin
from schemas.rejections import RejectionCode
from schemas.requests import (
    ChannelCreate,
    ChannelDelete,
    ChannelFields,
    ChannelRequest,
    ChannelRotateSecret,
    ChannelUpdate,
    ConfirmationResend,
    RecipientBlock,
    RecipientConfirm,
    RecipientUnblock,
    TemplateCreate,
    TemplateDelete,
    TemplateUpdate,
)
from schemas.topics import DELIVERIES


class NamesChannels(Protocol):
    """Definitions that name channels."""

    def take_off(self, channel: Channel, at: Micros) -> list[Effect]:
        """A channel is removed."""


class ProjectChannels:
    """The channels of one partition's projects. things: what channels are put on; naming: what else names them."""

    def __init__(
        self,
        view: View,
        index: ProjectIndex,
        *,
        tokens: ProjectTokens,
        things: Sequence[ProjectChecks | ProjectMonitors],
        rotations: ProjectRotations,
        templates: ProjectTemplates,
        naming: Sequence[NamesChannels],
    ) -> None:
        self._view, self._index, self._tokens = view, index, tokens
        self._things, self._rotations, self._templates, self._naming = things, rotations, templates, naming
        self._recipients = ProjectRecipients(view, index)

    def decide(self, request: ChannelRequest, project: Project, at: Micros) -> list[Effect]:
        """Of channels, of those whom they tell, and of how."""
        match request:
            case ChannelCreate():
                return self._create(request, project, at)
            case ChannelUpdate():
                return self._change(request, self._index.channel(project.id, request.id), project, at)
            case ChannelDelete():
                channel = self._index.channel(project.id, request.id)
                return [*self.remove(channel, at), decision(request, "removed", channel.id)]
            case ConfirmationResend():
                return self._recipients.ask_again(request, self._index.channel(project.id, request.id), project, at)
            case RecipientConfirm():
                return self._recipients.confirm(request, self._index.recipient(project.id, request.id), project, at)
            case RecipientBlock():
                return self._recipients.block(request, self._index.recipient(project.id, request.id), project, at)
            case RecipientUnblock():
                return self._recipients.unblock(request, project, at)
            case TemplateCreate():
                return self._templates.create(request, project, at)
            case TemplateUpdate():
                return self._templates.change(request, project, at)
            case TemplateDelete():
                return self._templates.delete(request, project, at)
            case ChannelRotateSecret():
                channel = self._index.channel(project.id, request.id)
                return self._rotations.channel_secret(request, channel, project, at)

    def _create(self, request: ChannelCreate, project: Project, at: Micros) -> list[Effect]:
        if request.channel.project != project.id:
            raise InvalidEvent("keyed by another project")
        if self._index.is_there(request.channel):
            return [decision(request, "found", request.channel.id)]
        if problem := CHANNEL_KINDS[request.channel.kind].problem(request.channel):
            raise InvalidEvent(problem)
        given = replace(request.channel, created=at, disabled_at=None, number=0)
        channel = self._recipients.judged(given, request.confirm)
        asked = self._recipients.ask(channel, project, at)
        channel = self._tokens.named(channel)
        effects = [define_channel(self._view, channel, project, at), *asked]
        if request.on_every_check:
            for things in self._things:
                effects += things.put_on_every(channel, at)
        return [*effects, decision(request, "made", channel.id)]

    def _change(self, request: ChannelUpdate, channel: Channel, project: Project, at: Micros) -> list[Effect]:
        wanted = without_past_mute(_chosen(request.fields), at)
        if set(wanted) == {"mute_until"}:
            muted, told = replace(channel, **wanted), []
            if muted != channel:
                muted = replace(muted, version=channel.version + 1)
                told = [define_channel(self._view, muted, project, at, secret_only=True)]
            return [*told, decision(request, "updated", channel.id)]
        if of_other_kinds(channel, wanted):
            raise RequestRejected(RejectionCode.WRONG_CHANNEL_KIND)
        kind = CHANNEL_KINDS[channel.kind]
        if not kind.signs and channel.secret and "secret" not in wanted and _moves(channel, wanted):
            # Another request has given the secret meanwhile, for the origin that this one leaves.
            raise RequestRejected(RejectionCode.CHANGED_MEANWHILE)
        if "secret" in wanted:
            wanted["former_secrets"] = ()
        wanted |= {"disabled_at": None, "version": channel.version + 1}
        changed = self._recipients.judged(replace(channel, **wanted), request.confirm)
        if problem := kind.problem(changed):
            raise InvalidEvent(problem)
        asked = self._recipients.ask(changed, project, at)
        defined = define_channel(self._view, changed, project, at)
        return [defined, *asked, decision(request, "updated", channel.id)]

    def remove(self, channel: Channel, at: Micros) -> list[Effect]:
        """A channel is gone: it is taken off all that names it."""
        self._view.delete(definition_key(channel))
        effects = [Effect(DELIVERIES, channel.id, EndpointRemoved(at=at))]
        for things in self._things:
            effects += things.take_off_every(channel, at)
        for named in self._naming:
            effects += named.take_off(channel, at)
        return effects


def _moves(channel: Channel, fields: dict[str, Any]) -> bool:
    """Whether these fields would have a channel lead to another origin; to one that is written otherwise, at least."""
    return "url" in fields and written_origin(fields["url"]) != written_origin(channel.url)


def _chosen(fields: ChannelFields) -> dict[str, Any]:
    return {name: value for name, value in asdict(fields).items() if value is not UNSET}
