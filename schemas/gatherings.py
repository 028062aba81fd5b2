"""What is gathered for a channel, to be told of in one list. Pure.

`processors.deliveries.gathering` has the rules. State keys: `gathering/<channel id>` while much happens, and
`quiet/<channel id>` in its quiet hours.
"""

from msgspec import Struct, field

from schemas.base import Micros, Value
from schemas.notices import AnyNotice

# The kinds of their keys.
GATHERING = "gathering"
QUIET = "quiet"


class GatheredThing(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a list tells of a thing: its newest notice, and when, why, since when.

    first: the first notice of it that was gathered, when it was another one. incident: id. since: its start, ISO 8601.
    escalation: name of the policy that asked for it.
    """

    thing: str
    notice: AnyNotice
    at: Micros
    name: str = ""
    kind: str = ""
    cause: str = ""
    first: AnyNotice | None = None
    incident: str = ""
    since: str = ""
    escalation: str = ""


class Gathering(Value, tag="gathering"):
    """Notices of a channel are gathered until `until`, or something was just told and the next ones would be.

    waiting: the delivery that tells of them; empty: nothing waits. began: when the first of them came.
    things: what the list names, by subject and thing, in the order in which they came. left: numbers of notices of
    things that it does not name, by notice; left_since: when the first incident began that these told to be open; 0:
    none did, or an older version did not note it. total: notices that wait. lists: how many were sent since the window
    began; count: notices that it has gathered. told: in quiet hours, the incidents that were told of all the same;
    forgotten: there were more of them than are kept.
    """

    channel: str
    until: Micros
    waiting: str = ""
    began: Micros = 0
    things: dict[str, GatheredThing] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    left_since: Micros = 0
    total: int = 0
    lists: int = 0
    count: int = 0
    told: tuple[str, ...] = ()
    forgotten: bool = False


def gathering_key(channel: str) -> str:
    """The key of what is gathered for a channel while much happens."""
    return f"{GATHERING}/{channel}"


def quiet_key(channel: str) -> str:
    """The key of what is gathered for a channel in its quiet hours."""
    return f"{QUIET}/{channel}"
