"""Which field an error text of an API names, and how a form says it beside that field. Pure.

Both APIs name the field in their words: `json validation error: slug is too long` (Healthchecks), `Field 'url': ...`
(PoppaPing), `... - at `$.name`` (a value of another type). What names no field of the form is told at its top.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from query_api.web.shown.sentences import sentence

_HEALTHCHECKS = "json validation error: "
_PLACE = re.compile(r"(?P<what>.*) - at (?:`key` in )?`\$\.?(?P<field>\w+).*?`", re.DOTALL)
_ITEM = re.compile(r"an item in '(?P<field>\w+)' (?P<what>.*)", re.DOTALL)
_FIELD = re.compile(r"Field '(?P<field>\w+)[^']*'(?: \(a name in it\))?(?P<colon>:?) (?P<what>.*)", re.DOTALL)
_PLAIN = re.compile(r"(?P<field>\w+) (?P<what>.*)", re.DOTALL)
# What msgspec says of values, as people say it.
_SPOKEN = (
    (re.compile(r"Expected `(?:int|float)` >= (\S+)"), r"Must be at least \1"),
    (re.compile(r"Expected `(?:int|float)` <= (\S+)"), r"Must be at most \1"),
    (re.compile(r"Expected `str` of length >= 1"), "Is needed"),
    (re.compile(r"Expected `str` of length <= (\d+)"), r"Must have at most \1 characters"),
    (re.compile(r"Expected `array` of length <= (\d+)"), r"Must be at most \1"),
    (re.compile(r"Expected `int(?: \| null)?`, got `(?:float|str)`"), "Must be a whole number"),
)
_NAMED = re.compile(r"(?:[Ff]ields? )?'(?P<quoted>\w+)'|\b(?P<bare>[a-z]+(?:_[a-z]+)+)\b")
_QUOTED = re.compile(r"'(\w+)'")


class ToldError(NamedTuple):
    """field: the one that is named; empty: none of the form's. words: a sentence."""

    field: str
    words: str


def told_error(text: str, labels: Mapping[str, str]) -> ToldError:
    """An error text of an API. labels: of the fields that the form has, by their name in the API.

    Whoever fills in a form knows its labels: where the text names other fields of it, they stand in place of the names.
    """
    found = _told(text, labels)
    return ToldError(found.field, _labelled(found.words, labels))


def _told(text: str, labels: Mapping[str, str]) -> ToldError:
    is_healthchecks = text.startswith(_HEALTHCHECKS)
    words = text.removeprefix(_HEALTHCHECKS)
    if (place := _PLACE.fullmatch(words)) and place["field"] in labels:
        return ToldError(place["field"], _sentence(place["what"]))
    if (item := _ITEM.fullmatch(words)) and item["field"] in labels:
        return ToldError(item["field"], _sentence(f"An item {item['what']}"))
    if (named := _FIELD.fullmatch(words)) and named["field"] in labels:
        of = "" if named["colon"] else f"{labels[named['field']]} "
        return ToldError(named["field"], _sentence(of + named["what"]))
    if is_healthchecks and (plain := _PLAIN.fullmatch(words)) and plain["field"] in labels:
        return ToldError(plain["field"], _sentence(f"{labels[plain['field']]} {plain['what']}"))
    field = next((name for name in _QUOTED.findall(words) if name in labels), "")
    return ToldError(field, _sentence(words))


def _labelled(words: str, labels: Mapping[str, str]) -> str:
    """The words with labels in place of names of the API: those in quotes, and those that are no words of people."""

    def label(named: re.Match[str]) -> str:
        name = named["quoted"] or named["bare"]
        return f"“{labels[name]}”" if name in labels else named[0]

    return _NAMED.sub(label, words)


def _sentence(words: str) -> str:
    words = words.strip().removesuffix(".") if words.startswith("Expected `") else words.strip()
    for said, spoken in _SPOKEN:
        if found := said.fullmatch(words):
            words = found.expand(spoken)
    return sentence(words)
