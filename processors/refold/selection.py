"""What of a journal, and of the states of its partition, concerns one thing. Pure.

A fold of checks or monitors judges each thing by its own events and by what concerns the whole partition: ticks, gaps,
windows, mutes of tags, policies, regions, dependencies. So a thing comes out the same when the events of other things
are left out. Whatever is not known to be of another thing is kept: a record more is never wrong.
"""

from collections.abc import Callable

from processors.refold.one_thing import STATES_OF_ONE, is_shared, of_one_thing


def events_about(fold: str, thing: str) -> Callable[[bytes | None, bytes | None], bool]:
    """Whether a record of the journal of `fold` can move this thing."""
    own = thing.encode()
    others = of_one_thing(fold)

    def concerns(key: bytes | None, value: bytes | None) -> bool:
        return key == own or value is None or not value.startswith(others)

    return concerns


def own_states(thing: str) -> tuple[str, ...]:
    """The keys of the states that are of this thing alone."""
    return (thing, *(f"{kind}{thing}" for kind in STATES_OF_ONE))


def states_about(thing: str) -> Callable[[str], bool]:
    """Whether the state of this key is needed to fold the thing."""
    own = set(own_states(thing))
    return lambda key: key in own or is_shared(key)
