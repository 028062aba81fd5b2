"""Who made a change. Part of the command itself, so that a replay gives the same audit trail."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from schemas.base import Fact

ActorKind = Literal["api_key", "ping_key", "cli", "page", "admin", "person", "system", "unknown"]

_Text: TypeAlias = Annotated[str, Meta(max_length=200)]


class Actor(Fact, tag=False, frozen=True):
    """Who made a change, and from where.

    kind: `api_key`: a request with an API key. `ping_key`: a ping with `create=1`. `cli`: a command that writes to
    Kafka. `page`: the link in a confirmation mail. `admin`: the owner of the instance, on a page. `person`: a
    signed-in person. `system`: Pingfold itself. `unknown`: not recorded, as in commands of other programs and of older
    versions.
    key: id of the API key, never the key itself; of a `person`, the id. user: name of the operating system's user
    (`cli`, `system`); of a `person`, the mail address.
    address: of the client, determined through trusted proxies; for `cli` and `system` the host name.
    """

    kind: ActorKind
    key: _Text = ""
    user: _Text = ""
    address: _Text = ""


UNKNOWN = Actor(kind="unknown")
SYSTEM = Actor(kind="system")
