"""YAML of other programs, read as texts, lists and mappings that know their lines. Pure.

No scalar is interpreted: `23:00`, `on` and `1.10` are the text that was written, and who reads a field says what it is.
Anchors, aliases and merge keys (`<<`) are followed, within a bound on how many values come of it, so that an alias bomb
ends early. Refused with their line: keys that stand twice or are no text, tags, nesting too deep, several documents.
"""

from typing import Any, TypeAlias

import yaml

from pingfold.imports.things import NotReadable

MOST_BYTES, MOST_VALUES, MOST_DEPTH = 8 * 2**20, 200_000, 24
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_PLAIN_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")


class Section(dict[str, Any]):
    """A mapping, and the line that it begins in."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


Value: TypeAlias = str | list[Any] | Section


def read_texts(content: bytes) -> Section:
    """The mapping that a YAML file is. Raises `NotReadable`."""
    if len(content) > MOST_BYTES:
        raise NotReadable(f"the file is longer than {MOST_BYTES // 2**20} MB, the most that is read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotReadable(f"line {line}: the file is not UTF-8") from None
    try:
        _must_be_flat(text)
        documents = list(yaml.compose_all(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise NotReadable(f"{where}this is no YAML: {getattr(error, 'problem', None) or 'it cannot be read'}") from None
    if len(documents) != 1 or not isinstance(documents[0], yaml.MappingNode):
        raise NotReadable("this YAML is not one mapping, as a configuration is")
    section = _Reader().value(documents[0], 0)
    assert isinstance(section, Section)
    return section


def _must_be_flat(text: str) -> None:
    """Raises `NotReadable` when something is nested too deep: the C code that composes nodes would not survive it."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MOST_DEPTH:
                raise NotReadable(f"line {event.start_mark.line + 1}: it is nested more than {MOST_DEPTH} deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Reader:
    def __init__(self) -> None:
        self._values = 0

    def value(self, node: Any, depth: int) -> Value:
        """The value of a node and of all below it."""
        line = node.start_mark.line + 1
        self._values += 1
        if self._values > MOST_VALUES:
            raise NotReadable(f"line {line}: there are more than {MOST_VALUES:,} values, aliases followed")
        if depth > MOST_DEPTH:
            raise NotReadable(f"line {line}: it is nested more than {MOST_DEPTH} deep")
        if node.tag not in _PLAIN_TAGS:
            raise NotReadable(f"line {line}: the tag {node.tag} is not read: leave it out")
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(one, depth + 1) for one in node.value]
        return self._section(node, line, depth)

    def _section(self, node: Any, line: int, depth: int) -> Section:
        section, merged = Section(line), Section(line)
        for key_node, value_node in node.value:
            place = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise NotReadable(f"line {place}: a key is a text")
            key = str(key_node.value)
            value = self.value(value_node, depth + 1)
            if key == "<<" and not key_node.style:
                for part in value if isinstance(value, list) else [value]:
                    if not isinstance(part, Section):
                        raise NotReadable(f"line {place}: << merges a mapping")
                    for name, inner in part.items():
                        merged.setdefault(name, inner)
            elif key in section:
                raise NotReadable(f"line {place}: {key} stands twice: remove one of them")
            else:
                section[key] = value
        for name, inner in merged.items():
            section.setdefault(name, inner)
        return section
