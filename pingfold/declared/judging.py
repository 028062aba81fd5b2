"""Declarations judged: every field by its type, every thing by the rules of the REST APIs, references by what there is.

All that is wrong is told at once. A thing with a wrong field is not judged further, others are. Pure.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, inspect, structs

from pingfold.declared.environment import path_text
from pingfold.declared.kinds import KINDS
from pingfold.declared.kinds.kind import ANY_INSTALLATION, Faults, Rules
from pingfold.declared.problems import InvalidDeclarations, Place, Problem
from pingfold.declared.things import Declarations, Declared, Fields
from pingfold.declared.yaml_reader import Path
from query_api.declarations import DEFAULT_SET, SECTIONS, Document, SetName

# Where a part of a document stands.
Where = Callable[[Path], Place | None]

_TOLD = re.compile(r"(?P<words>.*) - at `(?:key in )?\$(?P<path>[^`]*)`", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<number>\d+)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)
_PATTERN = re.compile(r"matching regex '\^\[a-z0-9(?P<more>_?)-\]\*\\\\Z'")
_TYPE = re.compile(r"Expected `(?P<wanted>\w+)(?: \| .*)?`, got `.*`")
_LIMIT = re.compile(r"Expected `\w+(?: \| null)?` (?P<than>[<>]=) (?P<limit>[\d.]+)")
_LENGTH = re.compile(r"Expected `(?P<of>\w+)(?: \| null)?` of length (?P<than>[<>]=) (?P<limit>\d+)")
_LIMITS = {">=": "at least", "<=": "at most"}
_NAMES = {
    "str": "a text", "bool": "true or false", "int": "a number", "float": "a number", "array": "a list",
    "object": "a mapping", "null": "nothing",
}  # fmt: skip
# Fields of the APIs that files do not have.
_ELSEWHERE = {
    "name": "a thing is named by its key",
    "slug": "a thing is named by its key",
    "mute_until": "mutes are not declared, and applying leaves them as they are",
    "managed_by": "the set stands at the top of the file",
}
_SWITCHES = frozenset({"yes", "no", "on", "off", "y", "n"})


class Source(NamedTuple):
    """A document to be judged: plain values, and where they stand."""

    document: object
    where: Where


def no_place(path: Path) -> None:
    """Where a part of a document stands that is from no file."""


def judged(sources: Iterable[Source], rules: Rules = ANY_INSTALLATION) -> Declarations:
    """What documents declare, in their order. Raises `InvalidDeclarations` with all that is wrong."""
    problems: list[Problem] = []
    things: list[Declared] = []
    sets: set[str] = set()
    for source in sources:
        if source.document is not None:  # an empty one
            judge = _Judge(source.where, rules, problems)
            things += judge.things(source.document)
            sets.add(judge.managed_by)
    problems += _twice(things)
    if problems:
        raise InvalidDeclarations(problems)
    return Declarations(things, frozenset(sets))


class _Judge:
    """Judges one document."""

    def __init__(self, where: Where, rules: Rules, problems: list[Problem]) -> None:
        self._where, self._rules, self._problems = where, rules, problems
        self.managed_by = DEFAULT_SET

    def things(self, document: object) -> list[Declared]:
        if not isinstance(document, dict):
            self._tell((), f"a file holds sections ({', '.join(SECTIONS)}), and this is {_what(document)}")
            return []
        self._unknown((), document, [field.name for field in structs.fields(Document)])
        if self._fits(("managed_by",), named := document.get("managed_by", DEFAULT_SET), SetName):
            self.managed_by = named
        found: list[Declared] = []
        for section in SECTIONS:
            things = document.get(section)
            if isinstance(things, dict):
                found += [one for key in things if (one := self._thing(section, key, things[key]))]
            elif things is not None:
                self._tell((section,), f"holds things by their keys, and this is {_what(things)}")
        return found

    def _thing(self, section: str, key: str, given: object) -> Declared | None:
        kind, (key_type, thing_type) = KINDS[section], SECTIONS[section]
        path: Path = (section, key)
        fits = self._fits(path, key, key_type, "the key ")
        given = {} if given is None else given
        if not isinstance(given, dict):
            self._tell(path, f"is a {kind.title} with fields, and this is {_what(given)}")
            return None
        fields = {field.name: field for field in structs.fields(thing_type)}
        fits &= self._unknown(path, given, list(fields))
        for name, value in given.items():
            if name in fields:
                fits &= self._fits((*path, name), value, fields[name].type)
        for name, field in fields.items():
            if field.required and name not in given:
                self._tell(path, f"the field '{name}' is missing")
                fits = False
        return self._made(section, key, given) if fits else None

    def _made(self, section: str, key: str, given: Fields) -> Declared | None:
        path: Path = (section, key)
        try:
            fields, secrets = KINDS[section].judged(key, given, self._rules)
        except Faults as faults:
            for fault in faults.faults:
                self._tell((*path, *_steps("." + fault.field)) if fault.field else path, fault.words)
            return None
        return Declared(
            section=section,
            key=key,
            fields=fields,
            secrets=secrets,
            managed_by=self.managed_by,
            formerly=given.get("formerly", ""),
            place=self._where(path),
            places={name: place for name in given if (place := self._where((*path, name))) is not None},
        )

    def _fits(self, path: Path, value: object, expected: Any, what: str = "") -> bool:
        """Whether a value is of a type; tells it when it is not."""
        try:
            msgspec.convert(value, expected)
        except msgspec.ValidationError as error:
            found = _TOLD.fullmatch(str(error))
            more: Path = () if found is None else _steps(found["path"])
            words = str(error) if found is None else found["words"]
            if (stranger := _UNKNOWN.fullmatch(words)) is not None:
                name = stranger["field"]
                self._tell((*path, *more, name), _no_such(name, _fields_at(expected, more)))
                return False
            self._tell((*path, *more), what + _in_words(words, _at(value, more)))
            return False
        return True

    def _unknown(self, path: Path, given: Mapping[str, object], known: list[str]) -> bool:
        strangers = [name for name in given if name not in known]
        for name in strangers:
            self._tell((*path, name), _no_such(name, known))
        return not strangers

    def _tell(self, path: Path, words: str) -> None:
        self._problems.append(Problem(self._where(path), path_text(path), words.rstrip(".")))


def _twice(things: Iterable[Declared]) -> list[Problem]:
    """Things that are declared by two files, or by two documents of one."""
    first: dict[tuple[str, str], Declared] = {}
    problems = []
    for thing in things:
        there = first.setdefault((thing.section, thing.key), thing)
        if there is not thing:
            words = f"is declared twice (first in {there.place}): remove one of them"
            problems.append(Problem(thing.place, f"{thing.section}.{thing.key}", words))
    return problems


def _no_such(name: str, known: Sequence[str]) -> str:
    """What is told of a field that there is not."""
    if name in _ELSEWHERE:
        return f"there is no such field: {_ELSEWHERE[name]}"
    near = difflib.get_close_matches(name, known, 1)
    return f"there is no such field{f': is {near[0]} meant?' if near else ''}"


def _fields_at(expected: Any, path: Path) -> list[str]:
    """The names of the fields of what stands at a place of a type."""
    here = _plain_types(inspect.type_info(expected))
    for step in path:
        inner: list[inspect.Type] = []
        for one in here:
            if isinstance(one, inspect.ListType | inspect.VarTupleType) and isinstance(step, int):
                inner += _plain_types(one.item_type)
            elif isinstance(one, inspect.StructType):
                inner += [
                    kind for field in one.fields if field.encode_name == step for kind in _plain_types(field.type)
                ]
        here = inner
    return [field.encode_name for one in here if isinstance(one, inspect.StructType) for field in one.fields]


def _plain_types(one: inspect.Type) -> list[inspect.Type]:
    """A type without its descriptions, the types of a union apart."""
    if isinstance(one, inspect.Metadata):
        return _plain_types(one.type)
    return [kind for each in one.types for kind in _plain_types(each)] if isinstance(one, inspect.UnionType) else [one]


def _steps(path: str) -> tuple[str | int, ...]:
    found = _STEP.finditer(path)
    return tuple(step["name"] if step["number"] is None else int(step["number"]) for step in found)


def _at(value: Any, path: Path) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return UNSET
    return value


def _what(value: object) -> str:
    names = {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a mapping",
    }
    return "nothing" if value is None else names.get(type(value), "something else")


def _in_words(words: str, value: object) -> str:
    """What msgspec says, with what to do."""
    if "matching regex" in words:
        pattern = _PATTERN.search(words)
        allowed = f"a-z, 0-9, -{' and _' if pattern and pattern['more'] else ''}" if pattern else ""
        return f"may hold only {allowed}" if allowed else "holds what is not allowed there"
    if "Expected `bool" in words and isinstance(value, str) and value.lower() in _SWITCHES:
        return f"'{value}' is a text here: write true or false"
    if "RFC3339" in words:
        return "is no time: write one such as 2026-03-01T10:00:00+01:00"
    if (found := _LENGTH.fullmatch(words)) is not None:
        unit = "characters" if found["of"] == "str" else "entries"
        return f"must have {_LIMITS[found['than']]} {found['limit']} {unit}"
    if (found := _LIMIT.fullmatch(words)) is not None:
        return f"must be {_LIMITS[found['than']]} {found['limit']}"
    if (found := _TYPE.fullmatch(words)) is not None:
        wanted = _NAMES.get(found["wanted"], found["wanted"])
        told = f"must be {wanted}, and this is {_what(value)}"
        if wanted == "a text" and isinstance(value, bool | int | float):
            return f"{told}: put it in quotes"
        return f"{told}: write it in digits, without quotes and units" if wanted == "a number" and value else told
    return words
