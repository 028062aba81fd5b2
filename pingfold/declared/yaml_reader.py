"""YAML files read into nodes that know their places: a small and safe part of YAML 1.2. Pure.

- Plain scalars: `true`, `false`, `null`, `~`, decimal numbers; everything else is text, so that `NO`, `on`, `12:30`,
  `007` and `1.2.3` are what was written.
- Refused, each with its place: tags (`!x`), merge keys (`<<`), keys that stand twice or are no text, aliases of what is
  not complete.
- Bounded: bytes of a file, depth, and how many nodes there are once aliases are followed. So an alias bomb ends early.
- A file may hold several documents. Of what is no YAML at all the first fault is told; other faults are told together.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import yaml

from pingfold.declared.problems import Place, Problem

MOST_BYTES = 8 * 2**20
MOST_NODES = 500_000
MOST_DEPTH = 12

Scalar: TypeAlias = str | int | float | bool | None
Path: TypeAlias = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})")
_FRACTION = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})\.[0-9]{1,30}")


class Node(NamedTuple):
    """A value and where it stands. size: how many nodes it has, itself among them. is_plain: a text without quotes."""

    value: "Scalar | list[Node] | dict[str, Node]"
    place: Place
    size: int = 1
    key_places: Mapping[str, Place] = MappingProxyType({})
    is_plain: bool = False

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def place_of(self, path: Path) -> Place:
        """Where a part of the value stands; of what is not there, where the part around it does."""
        node, place = self, self.place
        for step in path:
            if isinstance(node.value, dict) and isinstance(step, str) and step in node.value:
                place, node = node.key_places[step], node.value[step]
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                place = node.place
            else:
                break
        return place

    def scalars(self, path: Path = ()) -> "Iterator[tuple[Path, Node]]":
        """Every scalar, by its path."""
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                yield from node.scalars((*path, key))
        elif isinstance(self.value, list):
            for number, node in enumerate(self.value):
                yield from node.scalars((*path, number))
        else:
            yield path, self


class _Open:
    """A list or mapping that is being read."""

    def __init__(self, place: Place, anchor: str | None, is_mapping: bool) -> None:
        self.place, self.anchor, self.is_mapping = place, anchor, is_mapping
        self.items: list[Node] = []
        self.fields: dict[str, Node] = {}
        self.key_places: dict[str, Place] = {}
        self.key: Node | None = None
        self.size = 1


class _Reader:
    """Builds the documents of one file from the events of the parser."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.documents: list[Node] = []
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def take(self, event: yaml.Event) -> bool:
        """Whether to go on."""
        place = Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case yaml.DocumentStartEvent():
                self._anchors = {}
            case yaml.ScalarEvent():
                self._must_have_no_tag(event, place)
                return self._put(Node(self._scalar(event, place), place, is_plain=not event.style), event.anchor)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._must_have_no_tag(event, place)
                if len(self._open) >= MOST_DEPTH:
                    return self._refuse(place, f"is nested more than {MOST_DEPTH} deep")
                self._open.append(_Open(place, event.anchor, isinstance(event, yaml.MappingStartEvent)))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                done = self._open.pop()
                value = done.fields if done.is_mapping else done.items
                return self._put(Node(value, done.place, done.size, done.key_places), done.anchor)
            case yaml.AliasEvent():
                known = self._anchors.get(event.anchor)
                if known is None:
                    return self._refuse(place, f"the alias *{event.anchor} names nothing that is complete before it")
                return self._put(known._replace(place=place), None)
        return True

    def _put(self, node: Node, anchor: str | None) -> bool:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self._nodes += node.size
            self.documents.append(node)
            return self._nodes <= MOST_NODES or self._too_many(node.place)
        around = self._open[-1]
        around.size += node.size
        if sum(one.size for one in self._open) + self._nodes > MOST_NODES:
            return self._too_many(node.place)
        if not around.is_mapping:
            around.items.append(node)
        elif around.key is None:
            around.key = node
        else:
            self._put_field(around, around.key, node)
            around.key = None
        return True

    def _put_field(self, around: _Open, key: Node, node: Node) -> None:
        if not isinstance(key.value, str):
            shown = "a list or mapping" if isinstance(key.value, list | dict) else f"{key.plain()}"
            self._tell(key.place, f"{shown} is no text and cannot be a name here: put it in quotes")
        elif key.value == "<<" and key.is_plain:
            self._tell(key.place, "merge keys (<<) are not read: write the fields out")
        elif key.value in around.fields:
            first = around.key_places[key.value]
            self._tell(key.place, f"'{key.value}' stands twice (first in line {first.line}): remove one of them")
        else:
            around.fields[key.value], around.key_places[key.value] = node, key.place

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Scalar:
        text: str = event.value
        if event.style:
            return text
        if text.lower() in _WORDS and text in (text.lower(), text.upper(), text.capitalize()):
            return _WORDS[text.lower()]
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _FRACTION.fullmatch(text) else text

    def _must_have_no_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None:
            self._tell(place, f"the tag {event.tag} is not read: leave it out")

    def _too_many(self, place: Place) -> bool:
        return self._refuse(place, f"there are more than {MOST_NODES:,} values, aliases followed")

    def _refuse(self, place: Place, words: str) -> bool:
        self._tell(place, words)
        return False

    def _tell(self, place: Place, words: str) -> None:
        self.problems.append(Problem(place, "", words))


def read(file: str, content: bytes) -> tuple[list[Node], list[Problem]]:
    """The documents of a file, and what is wrong with it. file: its name, for people."""
    start = Place(file, 1, 1)
    if len(content) > MOST_BYTES:
        return [], [Problem(start, "", f"the file is larger than {MOST_BYTES // 2**20} MiB: divide it")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], [Problem(Place(file, line, 1), "", "the file is not UTF-8")]
    reader = _Reader(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if not reader.take(event):
                break
    except yaml.YAMLError as error:
        place = _place_of(error, file, text)
        around = "".join(text.splitlines()[place.line - 1 : place.line])
        hint = ": within [ ] and { }, ${...} must stand in quotes" if "${" in around else ""
        reader.problems.append(Problem(place, "", f"this is no YAML: {_words_of(error)}{hint}"))
    except RecursionError:
        reader.problems.append(Problem(start, "", f"is nested more than {MOST_DEPTH} deep"))
    return reader.documents, reader.problems


def _place_of(error: yaml.YAMLError, file: str, text: str) -> Place:
    if isinstance(error, yaml.reader.ReaderError):
        return Place(file, text.count("\n", 0, error.position) + 1, 1)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return Place(file, 1, 1) if mark is None else Place(file, mark.line + 1, mark.column + 1)


def _words_of(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        character = error.character if isinstance(error.character, int) else ord(error.character)
        return f"the character U+{character:04X} is not allowed"
    found = (getattr(error, "context", None), getattr(error, "problem", None))
    return ", ".join(str(part) for part in found if part) or "it cannot be read"
