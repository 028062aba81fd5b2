"""Rotation of ping keys and webhook secrets, for every API: the request to the `projects` fold, and the response.

A new value is generated here unless it is given, and is returned once, in the response. If a secret was encrypted with
a lost key, it can still be rotated, without an overlap, because nobody can sign with it.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, NamedTuple

from msgspec import Meta

from infra.secrets.channel_secrets import own_place, places
from infra.secrets.secrets import SecretError, new_ping_key, new_webhook_secret, of_project
from query_api.commands import wait_until
from query_api.dependencies import Dependencies
from query_api.http.refusals import ApiError
from schemas.base import SECOND, Micros
from schemas.decisions import Decision
from schemas.definitions import Channel, FormerPingKey, FormerSecret
from schemas.ids import new_id
from schemas.requests import (
    ChannelRotateSecret,
    Overlap,
    ProjectRotatePingKey,
    ProjectRotateWebhookSecret,
    ProjectsRequest,
)

# Of a form that is sent twice.
_TAKEN = "this was done already, and the new secret was shown then; if nobody has kept it, ask for another one"
# A secret as people may choose it.
Secret = Annotated[str, Meta(min_length=8, max_length=200)]
# How an API asks the fold; a refusal ends the request in the form of that API.
Ask = Callable[[ProjectsRequest], Awaitable[Decision]]
# The former values in a definition that has the new one; None: this process has not read it.
Formers = Callable[[], Sequence[FormerPingKey | FormerSecret] | None]


class Rotated(NamedTuple):
    """What counts from now on, and until when the former one does, too; None: it does not."""

    value: str
    former_until: Micros | None


async def rotate_ping_key(deps: Dependencies, ask: Ask, project: str, overlap: Overlap) -> Rotated:
    """Another ping key for a project."""
    key, at = new_ping_key(), deps.clock.now()
    await ask(ProjectRotatePingKey(request=new_id(), at=at, ping_key=key, overlap=overlap))

    def formers() -> Sequence[FormerPingKey] | None:
        now = deps.directory.projects.get(project)
        return now.former_ping_keys if now is not None and now.ping_key == key else None

    return Rotated(key, await _until(deps, formers, at, overlap))


async def rotate_webhook_secret(
    deps: Dependencies, ask: Ask, project: str, overlap: Overlap, secret: str | None = None
) -> Rotated:
    """Another secret for the webhooks of a project that have none of their own."""

    def signing() -> _Signing | None:
        now = deps.directory.projects.get(project)
        return None if now is None else _Signing(now.webhook_secret, now.former_webhook_secrets)

    before, place = signing(), of_project(project)
    if before is None or not _can_be_read(deps, before.secret, place):
        overlap = 0
    return await _rotate_secret(deps, ask, ProjectRotateWebhookSecret, place, signing, overlap, secret)


async def rotate_channel_secret(
    deps: Dependencies, ask: Ask, channel: Channel, overlap: Overlap, secret: str | None = None
) -> Rotated:
    """Another secret for one webhook, its own from now on."""

    def signing() -> _Signing | None:
        now = deps.directory.channel(channel.id)
        return None if now is None else _Signing(now.secret or "", now.former_secrets)

    project = deps.directory.projects.get(channel.project)
    before = channel.secret or ("" if project is None else project.webhook_secret)
    if not _can_be_read(deps, before, *places(channel.kind, channel.id, channel.project, channel.url)):
        overlap = 0
    request = partial(ChannelRotateSecret, id=channel.id)
    place = own_place(channel.kind, channel.id, channel.url)
    return await _rotate_secret(deps, ask, request, place, signing, overlap, secret)


class _Signing(NamedTuple):
    """What signs webhooks, as a definition has it: the secret, encrypted, and the former ones that still count."""

    secret: str
    formers: Sequence[FormerSecret]


async def _rotate_secret(
    deps: Dependencies,
    ask: Ask,
    request: Callable[..., ProjectsRequest],
    place: str,
    signing: Callable[[], _Signing | None],
    overlap: Overlap,
    secret: str | None,
) -> Rotated:
    """Ask for a new secret, encrypted for `place`. `signing`: what this process has read of what signs now.

    Raises `ApiError` when the form that asks was taken before: then another secret counts than the one made here.
    """
    made_here = not secret
    secret, at = secret or new_webhook_secret(), deps.clock.now()
    sealed = deps.encrypt(secret, place)
    decision = await ask(request(request=new_id(), at=at, secret=sealed, overlap=overlap))
    if decision.outcome == "found" and made_here:
        raise ApiError(409, _TAKEN)

    def formers() -> Sequence[FormerSecret] | None:
        now = signing()
        return now.formers if now is not None and now.secret == sealed else None

    return Rotated(secret, await _until(deps, formers, at, overlap))


def _can_be_read(deps: Dependencies, sealed: str, *places: str) -> bool:
    try:
        deps.decrypt(sealed, *places)
    except SecretError:
        return False
    return True


async def _until(deps: Dependencies, formers: Formers, at: Micros, overlap: Overlap) -> Micros | None:
    """When the overlap ends. Waits until this process has read what the fold made; what is new is told in any case."""
    await wait_until(deps.definitions_replica, lambda: formers() is not None)
    if overlap == 0:
        return None
    return max((former.until for former in formers() or ()), default=at + overlap * SECOND)
