"""What a list of notices tells people: how often what happened, and then which things, by what happened to them. Pure.

Whatever `data.digest` holds, the facts are texts and numbers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from processors.sender.mail_headers import one_line
from processors.sender.notice_values import moments, object_of, text_of
from schemas.languages.reading import ENGLISH_UTC, Reading

# What may be told of a thing after its newest notice: keys of sentences, those that are told first before the others.
_BACK: Final = "list.back"
_WORDS: Final[Mapping[str, str]] = {
    "monitor.down": "list.down",
    "incident.created": "list.down",
    "monitor.still_down": "list.still_down",
    "monitor.not_observed": "list.not_observed",
    "monitor.recovered": "list.recovered",
    "incident.resolved": "list.recovered",
    "monitor.ssl_invalid": "list.ssl_invalid",
    "monitor.ssl_valid": "list.ssl_valid",
    "monitor.ssl_expiration": "list.ssl_expiration",
    "monitor.ssl_renewed": "list.ssl_renewed",
    "monitor.domain_expiration": "list.domain_expiration",
    "monitor.performance_drop": "list.performance_drop",
    "monitor.late": "list.late",
    "monitor.run_time_drift": "list.run_time_drift",
    "system.outage": "list.outage",
    "incident.acknowledged": "list.acknowledged",
    "channel.disabled": "list.disabled",
    "channel.failing": "list.failing",
    "on-call.calendar_failing": "list.calendar_failing",
}
_BAD = frozenset({"list.down", "list.still_down", "list.ssl_invalid", "list.disabled"})
_GOOD = frozenset({"list.recovered", _BACK, "list.ssl_valid", "list.ssl_renewed"})
_ORDER: Final[Sequence[str]] = ("list.down", "list.still_down", "list.not_observed", "list.recovered", _BACK)
_NAMES = 3
# More than a list holds; one may come from elsewhere.
_MOST_THINGS = 100


def digest_facts(data: Mapping[str, Any], reading: Reading = ENGLISH_UTC) -> dict[str, Any]:
    """The facts of a list. groups: a title, lines, and the rest in words, each. names: the first of them in a line."""
    digest = object_of(data.get("digest"))
    listed = digest.get("things")
    things = [object_of(one) for one in listed[:_MOST_THINGS]] if isinstance(listed, list) else []
    groups: dict[str, list[str]] = {}
    day = reading.moment(text_of(digest, "from"))[:10]
    for thing in things:
        groups.setdefault(_word(thing), []).append(_line(thing, day, reading))
    counts = {word: len(lines) for word, lines in groups.items()}
    for word, more in _unnamed(digest, things).items():
        counts[word] = counts.get(word, 0) + more
    words = sorted(counts, key=lambda word: (_ORDER.index(word) if word in _ORDER else len(_ORDER), word))
    titles = {word: f"{reading.number(counts[word])} {_said(word, reading)}" for word in words}
    return {
        "says": ", ".join(titles.values()) or reading.says("list.nothing"),
        "alike": _alike(words),
        "names": _names(things, sum(counts.values()), reading),
        "groups": [
            {"title": titles[word], "lines": groups.get(word, []), "more": more, "rest": _rest(more, reading)}
            for word in words
            for more in (counts[word] - len(groups.get(word, [])),)
        ],
    }


def fitted(group: Mapping[str, Any], most: int, reading: Reading = ENGLISH_UTC) -> list[str]:
    """The lines of a group as far as there is room, and how many there are beside them."""
    lines: list[str] = []
    room = most - 20
    for line in group["lines"]:
        room -= len(line) + 1
        if room < 0 and lines:
            break
        lines.append(line)
    more = group["more"] + len(group["lines"]) - len(lines)
    return [*lines, _rest(more, reading)] if more else lines


def _said(word: str, reading: Reading) -> str:
    return reading.says(word) if word == _BACK or word in _WORDS.values() else word


def _rest(more: int, reading: Reading) -> str:
    return reading.says("list.more", more=reading.number(more)) if more else ""


def _word(thing: Mapping[str, Any]) -> str:
    word = _word_of(text_of(thing, "event"))
    before = _word_of(text_of(thing, "first_event"))
    return _BACK if (word, before) == ("list.recovered", "list.down") else word


def _word_of(notice: str) -> str:
    """The key of a sentence; of a notice that is not known the end of its name."""
    return _WORDS.get(notice) or one_line(notice.rpartition(".")[2].replace("_", " ")) or "told"


def _unnamed(digest: Mapping[str, Any], things: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Of what is not named, how often what happened."""
    left = {name: count for name, count in object_of(digest.get("counts")).items() if type(count) is int}
    for thing in things:
        if (event := text_of(thing, "event")) in left:
            left[event] -= 1
    found: dict[str, int] = {}
    for name, count in left.items():
        if count > 0:
            found[_word_of(name)] = found.get(_word_of(name), 0) + count
    return found


def _line(thing: Mapping[str, Any], day: str, reading: Reading) -> str:
    """`Shop: HTTP 500 (since 15:06:40 UTC)`. day: moments of it are told without it."""
    monitor, incident = object_of(thing.get("monitor")), object_of(thing.get("incident"))
    name = one_line(text_of(monitor, "name")) or one_line(text_of(monitor, "id")) or reading.says("a_monitor")
    cause = moments(reading.cause(one_line(text_of(thing, "cause"))), reading)
    since, at = (
        moments(one_line(text_of(of, field)), reading).removeprefix(f"{day} ")
        for of, field in ((incident, "started_at"), (thing, "at"))
    )
    when = reading.says("list.since", since=since) if since else at
    if _word_of(text_of(thing, "event")) == "list.recovered":
        when = reading.says("list.span", since=since, at=at) if since else at
    policy = one_line(text_of(object_of(thing.get("escalation")), "policy"))
    asked = reading.says("list.unacknowledged", policy=policy) if policy else ""
    told = f"{name}: {cause}" if cause else name
    return f"{told} ({when}{asked})" if when else told


def _names(things: Sequence[Mapping[str, Any]], total: int, reading: Reading) -> str:
    names = [one_line(text_of(object_of(thing.get("monitor")), "name"))[:40] for thing in things]
    first = [name for name in names if name][:_NAMES]
    more = total - len(first)
    told = ", ".join(first)
    return f"{told} {_rest(more, reading)}" if first and more > 0 else told


def _alike(words: Sequence[str]) -> str:
    if any(word in _BAD for word in words):
        return "monitor.down"
    return "monitor.recovered" if words and all(word in _GOOD for word in words) else "monitor.not_observed"
