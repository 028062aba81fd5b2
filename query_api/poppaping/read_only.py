"""What clients send back of what they read: fields that nobody can set.

`without_read_only` takes them out of a body, so that what a GET gave can be changed in one place and sent back whole.

- One that says what is so is ignored. One that says something else is refused: somebody expects it to be set.
- What a thing has come to since it was read (a status, the time of the last probe) may be told as it was then: a copy
  shows by its times that it is an older one.
"""

from collections.abc import Iterable, Mapping

import msgspec

from query_api.poppaping.responses import PoppaPingApiError

# What a thing is for ever; a copy never differs in it, however old it is.
_FOR_EVER = frozenset({"id", "created_at", "channel_type"})


def without_read_only(
    body: Mapping[str, object],
    shown: msgspec.Struct,
    settable: type[msgspec.Struct],
    beside: Iterable[str] = (),
    instead: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """A body without the fields that only answers have. Raises `PoppaPingApiError` when one of them is to be set.

    shown: the thing as it is answered now. settable: the type of the body. beside: fields that change without a time
    that would tell it, or that other answers have; in a copy they may say anything. instead: what to do for a field, in
    words.
    """
    now = msgspec.to_builtins(shown)
    assert isinstance(now, dict)
    drifting, can_be_set = set(beside), set(settable.__struct_fields__)
    read_only = {
        name: value for name, value in body.items() if name not in can_be_set and (name in now or name in drifting)
    }
    # What there is one of in a project has no id: of that a copy shows itself by when it was changed.
    is_copy = ("id" if "id" in now else "updated_at") in read_only
    is_older = is_copy and any(_is_older(name, value, now.get(name)) for name, value in read_only.items())
    for name, value in read_only.items():
        is_free = name not in _FOR_EVER and (is_older or (is_copy and name in drifting))
        if not is_free and (name not in now or value != now[name]):
            how = (instead or {}).get(name, "leave it out")
            raise PoppaPingApiError(400, f"Field '{name}' cannot be set; {how}.")
    return {name: value for name, value in body.items() if name not in read_only}


def parts_without_read_only(
    parts: object, shown: Iterable[msgspec.Struct], settable: type[msgspec.Struct], beside: Iterable[str]
) -> object:
    """The same of objects in a list, each known by its id; what is not there yet may be a copy of another."""
    known: dict[str, dict[str, object]] = {part["id"]: part for part in map(msgspec.to_builtins, shown)}
    if not isinstance(parts, list):
        return parts
    names = {name for part in known.values() for name in part} - set(settable.__struct_fields__)
    for part in parts:
        now = known.get(str(part.get("id"))) if isinstance(part, dict) else None
        for name in names - set(beside) if now is not None else ():
            if now is not None and part.get(name, now[name]) != now[name]:
                raise PoppaPingApiError(400, f"Field '{name}' cannot be set; leave it out.")
    return [
        {name: value for name, value in part.items() if name not in names} if isinstance(part, dict) else part
        for part in parts
    ]


def _is_older(name: str, told: object, now: object) -> bool:
    """Whether a field shows that a body is a copy of a former answer: a time that may change is another one."""
    if isinstance(told, dict) and isinstance(now, dict):
        return any(_is_older(str(part), value, now.get(part)) for part, value in told.items())
    return told != now and name not in _FOR_EVER and name.endswith(("_at", "_until"))
