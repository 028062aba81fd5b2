"""What is there, written as declarations: the file says no more than it must, and nothing of it is secret. Pure.

What belongs to a set stands in a document of its own. Where a secret is needed the file has a reference to the
environment, `${CHANNEL_OPS_URL}`. What shares its key with another thing, or has none, cannot be declared: it is left
out, and told.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import yaml

from pingfold.declared.environment import escaped
from pingfold.declared.kinds import KINDS
from pingfold.declared.things import HIDDEN, Fields, Present, with_references
from query_api.declarations import DEFAULT_SET, SCHEMA_PATH, SECTIONS

_NO_NAME = re.compile(r"[^A-Za-z0-9]+")
_TITLES = {"channels": "CHANNEL", "monitors": "MONITOR", "status_pages": "PAGE"}
# Of lists of whole numbers, lists of words and the like, which are short.
_WIDTH = 110
# What YAML 1.1 takes as the end of a line beside CR and LF: outside of double quotes it would be read as a blank.
_ENDS_OF_LINES = re.compile("[\x85\u2028\u2029]")


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no types
    """Writes texts so that they are read as they were."""


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    style = '"' if _ENDS_OF_LINES.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def written(document: object) -> str:
    """A document as YAML."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


class Exported(NamedTuple):
    """text: of the file. left_out: what could not be declared, in words. variables: that must be set to apply it."""

    text: str
    left_out: tuple[str, ...]
    variables: tuple[str, ...]


def export(present: Sequence[Present], chosen: Sequence[Present], schema: str = SCHEMA_PATH) -> Exported:
    """The chosen things as a file. present: all that are there. schema: where editors find the JSON Schema."""
    taken = Counter((one.section, one.key) for one in present)
    names = {(one.section, one.id): one.key for one in present if one.key and taken[one.section, one.key] == 1}
    everyone = sorted(names.get((one.section, one.id), one.id) for one in present if one.section == "channels")
    variables = _Variables()
    left_out: list[str] = []
    sections = list(SECTIONS)
    documents: dict[str, dict[str, Any]] = {}
    for one in sorted(chosen, key=lambda one: (_set_of(one), sections.index(one.section), one.key)):
        if (one.section, one.id) not in names:
            why = f"another one is called '{one.key}', too" if one.key else "it has no name"
            how = f"pingfold channel change {one.id} --name NAME" if one.section == "channels" else "rename it"
            left_out.append(f"the {KINDS[one.section].title} {one.id} is left out: {why}; {how}")
            continue
        if why := KINDS[one.section].undeclarable(one.fields):
            left_out.append(f"the {KINDS[one.section].title} '{one.key}' is left out: {why}; correct it")
            continue
        fields = with_references(one.fields, lambda _, kind, id: names.get((kind, id), id))
        if fields.get("channels") == everyone:
            fields["channels"] = None
        name = _set_of(one)
        document = documents.setdefault(name, {} if name == DEFAULT_SET else {"managed_by": name})
        things = document.setdefault(one.section, {})
        things[one.key] = variables.hide(one, _plain(KINDS[one.section].written(fields)))
    text = f"# yaml-language-server: $schema={schema}\n" + "---\n".join(map(written, documents.values()))
    return Exported(text, tuple(left_out), tuple(variables.names))


def _set_of(thing: Present) -> str:
    """The set whose document a thing is written into: what belongs to none is in that of the default."""
    return thing.managed_by or DEFAULT_SET


def choose(present: Iterable[Present], names: Sequence[str], tags: Sequence[str]) -> Iterator[Present]:
    """What can be declared, by name, `section/name`, id or tag, in its order; all, when nothing is asked for."""
    for one in present:
        if one.section not in KINDS:
            continue
        words = {one.key, one.id, f"{one.section}/{one.key}", one.fields.get("name")}
        if not (names or tags) or words.intersection(names) or set(one.fields.get("tags", ())).intersection(tags):
            yield one


class _Variables:
    """Names of variables, each once."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def hide(self, thing: Present, fields: Fields) -> Fields:
        """The fields with references in place of what is secret."""
        secret = KINDS[thing.section].secret_fields(thing.fields)
        return {
            name: self._hidden(thing, (name,), value) if name in secret else value for name, value in fields.items()
        }

    def _hidden(self, thing: Present, path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._hidden(thing, (*path, name), one) for name, one in value.items()}
        if value != HIDDEN:
            return value
        words = (_TITLES.get(thing.section, thing.section), thing.key, *path)
        name = _NO_NAME.sub("_", "_".join(words)).strip("_").upper()
        number, once = 1, name
        while once in self.names:
            number += 1
            once = f"{name}_{number}"
        self.names.append(once)
        return f"${{{once}}}"


def _plain(value: Any) -> Any:
    """Texts that a file fills from the environment are written so that they stand for themselves."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return escaped(value) if isinstance(value, str) else value
