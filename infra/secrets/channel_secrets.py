"""The places of the secrets of channels: what a secret is bound to when it is encrypted, and opens for."""

from infra.secrets.secrets import of_channel, of_project
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.origins import origin_of


def own_place(kind: str, id: str, url: str) -> str:
    """The place of a channel's own secret. One that is sent is bound to the origin of `url`, too: to another it is not
    sent, whatever the definition says."""
    return of_channel(id) if CHANNEL_KINDS[kind].signs else f"{of_channel(id)}/{origin_of(url)}"


def places(kind: str, id: str, project: str, url: str) -> tuple[str, ...]:
    """Where the secret that a channel uses may have been given."""
    own = own_place(kind, id, url)
    return (own, of_project(project)) if CHANNEL_KINDS[kind].signs else (own,)
