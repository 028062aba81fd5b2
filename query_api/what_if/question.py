"""A question about what would have been, from what a client or the command line has said. Pure.

Things are chosen by an id, a name or a slug, by `tag:NAME` (heartbeat checks), or all of the project. Whatever is wrong
is an `InvalidQuestion`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infra.settings.durations import parse_duration
from query_api.what_if.dependency_loops import must_not_loop
from query_api.what_if.settings import InvalidQuestion, Reader
from schemas.base import SECOND, Micros
from schemas.definitions import Channel, Check
from schemas.monitors import Monitor
from schemas.tag_mutes import is_tag
from schemas.times import read_iso
from schemas.what_if.questions import MOST_THINGS, SHORT_SECONDS, Chosen, Question
from schemas.what_if.settings import SETTINGS, Change, concerns

ALL = "project"
_TAG = "tag:"
_DAY: Micros = 86_400 * SECOND
LONGEST: Micros = 400 * _DAY
DEFAULT_SINCE = "30d"
_SHORTEST_SHORT, _LONGEST_SHORT = 1, 86_400


class Inventory(NamedTuple):
    """What a project has now."""

    project: str
    checks: Sequence[Check]
    monitors: Sequence[Monitor]
    channels: Sequence[Channel]


class Said(NamedTuple):
    """What was said. set: settings by name. since, until: times in ISO 8601, or durations before now. short: a
    duration."""

    thing: str = ALL
    set: Mapping[str, object] = {}
    sweep: str | None = None
    since: str = DEFAULT_SINCE
    until: str | None = None
    short: str | None = None


def question_of(said: Said, inventory: Inventory, now: Micros) -> Question:
    """What is asked. Raises `InvalidQuestion`."""
    reader = Reader(inventory.channels, inventory.monitors)
    changes = reader.changes(said.set)
    sweep = () if said.sweep is None else reader.sweep(said.sweep)
    if sweep and any(change.name == sweep[0].name for change in changes):
        raise InvalidQuestion("sweep", f"has '{sweep[0].name}', which is set as well; give it once")
    chosen = choose(said.thing, inventory)
    for change in (*changes, *sweep[:1]):
        _must_concern(change, chosen, "sweep" if change in sweep else "set")
    must_not_loop("set", changes, chosen, inventory.monitors)
    must_not_loop("sweep", sweep, chosen, inventory.monitors)
    since, until = _span(said.since, said.until, now)
    return Question(
        project=inventory.project,
        chosen=chosen,
        changes=changes,
        sweep=sweep,
        since=since,
        until=until,
        short=_short(said.short),
        takes={channel.id: channel.notices for channel in inventory.channels},
    )


def choose(thing: str, inventory: Inventory) -> tuple[Chosen, ...]:
    """The things that are meant, in the order of their ids. Raises `InvalidQuestion`."""
    every: list[Check | Monitor] = [*inventory.checks, *inventory.monitors]
    if thing.startswith(_TAG):
        label = thing.removeprefix(_TAG)
        if not is_tag(label):
            raise InvalidQuestion("thing", "must have one tag after 'tag:', without blanks")
        found: list[Check | Monitor] = [check for check in inventory.checks if label in check.tags.split()]
        if not found:
            raise InvalidQuestion("thing", "names a tag that no heartbeat check of the project has", unknown=True)
    elif thing == ALL:
        if not every:
            raise InvalidQuestion("thing", "is the project, which has no check and no monitor", unknown=True)
        found = every
    else:
        found = _named(thing, every)
    if len(found) > MOST_THINGS:
        raise InvalidQuestion(
            "thing",
            f"chooses {len(found)} things; at most {MOST_THINGS} can be asked about at once: choose checks by a "
            "tag, such as tag:nightly, and monitors one by one, by id or name",
        )
    return tuple(sorted(map(_chosen, found), key=lambda one: one.id))


def _named(thing: str, every: Sequence[Check | Monitor]) -> list[Check | Monitor]:
    by_id = [each for each in every if each.id == thing.lower()]
    named = by_id or [each for each in every if thing and thing in (each.name, getattr(each, "slug", ""))]
    if not named:
        raise InvalidQuestion("thing", "names no check and no monitor of the project", unknown=True)
    if len(named) > 1:
        raise InvalidQuestion("thing", f"is the name of {len(named)} things; give the id of one")
    return named


def _chosen(thing: Check | Monitor) -> Chosen:
    if isinstance(thing, Check):
        return Chosen(thing.id, "check", thing.name or thing.slug)
    return Chosen(thing.id, "monitor", thing.name)


def _must_concern(change: Change, chosen: Sequence[Chosen], field: str) -> None:
    if not any(concerns((change,), one.kind) for one in chosen):
        kinds = " and ".join(f"{kind}s" for kind in SETTINGS[change.name].of)
        raise InvalidQuestion(field, f"has '{change.name}', a setting of {kinds} only, and none is chosen")


def _span(since: str, until: str | None, now: Micros) -> tuple[Micros, Micros]:
    end = now if until is None else _time("until", until, now)
    start = _time("since", since, now)
    if start >= now:
        raise InvalidQuestion("since", "must be a time that has passed")
    if end > now:
        raise InvalidQuestion("until", "must be a time that has passed")
    if end <= start:
        raise InvalidQuestion("until", "must be later than 'since'")
    if end - start > LONGEST:
        raise InvalidQuestion("since", f"must be at most {LONGEST // _DAY} days before 'until'")
    return start, end


def _time(field: str, text: str, now: Micros) -> Micros:
    try:
        seconds = parse_duration(text)
    except ValueError:
        try:
            return read_iso(text)
        except (ValueError, OverflowError):
            raise InvalidQuestion(
                field, "must be a duration before now, such as 30d, or a time in ISO 8601, such as 2026-02-21T14:30"
            ) from None
    if seconds is None or seconds * SECOND > LONGEST:
        raise InvalidQuestion(field, f"must be at most {LONGEST // _DAY} days before now")
    return now - seconds * SECOND


def _short(text: str | None) -> Micros:
    if text is None:
        return SHORT_SECONDS * SECOND
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = None
    if seconds is None or not _SHORTEST_SHORT <= seconds <= _LONGEST_SHORT:
        raise InvalidQuestion("short", "must be a duration from 1s to 1d, such as 5m")
    return seconds * SECOND
