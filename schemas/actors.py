"""Who made a change. Part of the command itself, so that a replay gives the same audit trail."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from schemas.base import Fact

ActorKind = Literal["api_key", "ping_key", "cli", "page", "admin", "system", "unknown"]

_Text: TypeAlias = Annotated[str, Meta(max_length=200)]


class Actor(Fact, tag=False, frozen=True):
    """Who made a change, and from where.

    kind: `api_key`: a request with an API key. `ping_key`: a ping with `create=1`. `cli`: a command that writes to
    Kafka itself. `page`: somebody who followed a link of ours. `admin`: a page behind the admin password. `system`:
    Pingfold. `unknown`: the command does not say, as those of other programs and of older versions.
    key: the id of the API key, never the key. user: name of the user of the operating system (`cli`, `system`).
    address: of the client, found through trusted proxies; of `cli` and `system` the name of the host.
    """

    kind: ActorKind
    key: _Text = ""
    user: _Text = ""
    address: _Text = ""


UNKNOWN = Actor(kind="unknown")
SYSTEM = Actor(kind="system")
