"""Files of declarations: read, filled from the environment, judged. Everything that is wrong in all of them is told."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from pingfold.declared.environment import filled
from pingfold.declared.judging import Source, judged
from pingfold.declared.kinds.kind import ANY_INSTALLATION, Rules
from pingfold.declared.problems import InvalidDeclarations, Place, Problem
from pingfold.declared.things import Declarations
from pingfold.declared.yaml_reader import MOST_BYTES, read

_SUFFIXES = (".yml", ".yaml")


def load(
    files: Iterable[str],
    rules: Rules = ANY_INSTALLATION,
    environment: Mapping[str, str] = os.environ,
) -> Declarations:
    """What the files declare: `-` is standard input, a folder stands for its YAML files.

    Raises `InvalidDeclarations`.
    """
    problems: list[Problem] = []
    contents = [(name, content) for file in files for name, content in _contents(file, problems)]
    return loaded(contents, rules, environment, problems)


def loaded(
    contents: Iterable[tuple[str, bytes]],
    rules: Rules = ANY_INSTALLATION,
    environment: Mapping[str, str] = os.environ,
    problems: Iterable[Problem] = (),
) -> Declarations:
    """The same of files that are read already, by their names. problems: that are known already."""
    sources: list[Source] = []
    found = list(problems)
    unfilled: set[tuple[str, str]] = set()
    for name, content in contents:
        documents, faults = read(name, content)
        found += faults
        for document in documents:
            node, unknown = filled(document, environment)
            found += unknown
            unfilled |= {(name, problem.path) for problem in unknown}
            sources.append(Source(node.plain(), node.place_of))
    try:
        things = judged(sources, rules)
    except InvalidDeclarations as invalid:
        # What is wrong with a text that the environment did not fill is of no use.
        told = [one for one in invalid.problems if one.place is None or (one.place.file, one.path) not in unfilled]
        raise InvalidDeclarations([*found, *told]) from None
    if found:
        raise InvalidDeclarations(found)
    return things


def _contents(file: str, problems: list[Problem]) -> list[tuple[str, bytes]]:
    if file == "-":
        return [("standard input", sys.stdin.buffer.read(MOST_BYTES + 1))]
    path = Path(file)
    try:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES and one.is_file())
            if not inside:
                problems.append(Problem(Place(file, 1, 1), "", "there is no .yml or .yaml file in this folder"))
            return [(str(one), _read(one)) for one in inside]
        return [(file, _read(path))]
    except OSError as error:
        problems.append(Problem(Place(file, 1, 1), "", f"cannot be read: {error.strerror or error}"))
        return []


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
