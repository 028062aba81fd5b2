"""Decisions of the `projects` fold about rotations of ping keys and webhook secrets. Pure.

The old value is valid beside the new one until the overlap ends. The fold computes that time from the time of the
request, and stores it in the definition; the process that accepts a ping or signs an attempt compares it with the time
of that ping or attempt. A new rotation never extends an overlap; one without an overlap ends all of them.
"""

from collections.abc import Iterable
from typing import TypeVar

from msgspec.structs import replace

from processors.fold.contract import Effect
from processors.fold.view import View
from processors.projects.channels import define_channel, endpoint_of
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from schemas.base import SECOND, Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel, FormerPingKey, FormerSecret, Project, definition_key
from schemas.rejections import RejectionCode
from schemas.requests import ChannelRotateSecret, ProjectRotatePingKey, ProjectRotateWebhookSecret

# So many former values count at once, at most.
MOST_FORMER = 3

F = TypeVar("F", FormerPingKey, FormerSecret)


class ProjectRotations:
    """Of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex) -> None:
        self._view, self._index = view, index

    def ping_key(self, request: ProjectRotatePingKey, project: Project, at: Micros) -> list[Effect]:
        """Another ping key for the project."""
        if request.ping_key in (project.ping_key, *(former.key for former in project.former_ping_keys)):
            return [decision(request, "found", project.id)]
        until = at + request.overlap * SECOND
        formers = _counting((*project.former_ping_keys, FormerPingKey(key=project.ping_key, until=until)), at, until)
        self._view.put(definition_key(project), replace(project, ping_key=request.ping_key, former_ping_keys=formers))
        return [decision(request, "updated", project.id)]

    def webhook_secret(self, request: ProjectRotateWebhookSecret, project: Project, at: Micros) -> list[Effect]:
        """Another secret for the project's webhooks that have none of their own."""
        if request.secret in (project.webhook_secret, *(former.secret for former in project.former_webhook_secrets)):
            return [decision(request, "found", project.id)]
        until = at + request.overlap * SECOND
        former = FormerSecret(secret=project.webhook_secret, until=until)
        formers = _counting((*project.former_webhook_secrets, former), at, until)
        project = replace(project, webhook_secret=request.secret, former_webhook_secrets=formers)
        self._view.put(definition_key(project), project)
        channels = (self._index.channel(project.id, id) for id in self._index.channels(project.id))
        signed = [channel for channel in channels if CHANNEL_KINDS[channel.kind].signs and channel.secret is None]
        defined = [define_channel(self._view, channel, project, at, secret_only=True) for channel in signed]
        return [*defined, decision(request, "updated", project.id)]

    def channel_secret(
        self, request: ChannelRotateSecret, channel: Channel, project: Project, at: Micros
    ) -> list[Effect]:
        """Another secret for one webhook, its own from now on, whatever signed it so far."""
        if not CHANNEL_KINDS[channel.kind].signs:
            raise RequestRejected(RejectionCode.WRONG_CHANNEL_KIND)
        before = endpoint_of(channel, project)
        if request.secret in (before.secret, *(former.secret for former in before.former_secrets)):
            return [decision(request, "found", channel.id)]
        until = at + request.overlap * SECOND
        formers = _counting((*before.former_secrets, FormerSecret(secret=before.secret, until=until)), at, until)
        changed = replace(channel, secret=request.secret, former_secrets=formers)
        return [
            define_channel(self._view, changed, project, at, secret_only=True),
            decision(request, "updated", channel.id),
        ]


def _counting(formers: Iterable[F], at: Micros, until: Micros) -> tuple[F, ...]:
    """Those that still count at `at`, none of them after `until`."""
    counting = tuple(replace(one, until=min(one.until, until)) for one in formers if min(one.until, until) > at)
    if len(counting) > MOST_FORMER:
        raise RequestRejected(RejectionCode.ROTATED_TOO_OFTEN)
    return counting
