"""Exceptions: one tree in each package, each name once, each class with a docstring that says what to do."""

import ast
import builtins
from collections import Counter
from functools import cache
from typing import NamedTuple

from tests.source_tree import PACKAGES, modules, top

# The base of each package's tree, and where it is.
BASES = {
    "schemas": ("schemas.errors", "SchemaError"),
    "infra": ("infra.errors", "InfraError"),
    "ingest": ("ingest.errors", "IngestError"),
    "processors": ("processors.errors", "ProcessorError"),
    "query_api": ("query_api.errors", "QueryApiError"),
    "pingfold": ("pingfold.errors", "PingfoldError"),
}


class Found(NamedTuple):
    """A class with the names of its bases."""

    module: str
    name: str
    bases: tuple[str, ...]
    documented: bool


@cache
def classes() -> dict[str, list[Found]]:
    """Every class of the packages by its name."""
    found: dict[str, list[Found]] = {}
    for module in modules().values():
        if top(module.name) not in PACKAGES:
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                bases = tuple(base.id if isinstance(base, ast.Name) else ast.unparse(base) for base in node.bases)
                one = Found(module.name, node.name, bases, ast.get_docstring(node) is not None)
                found.setdefault(node.name, []).append(one)
    return found


def ancestors(name: str) -> set[str]:
    """The names of all bases of a class, and its own."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        if (one := waiting.pop()) not in seen:
            seen.add(one)
            waiting += [base for found in classes().get(one, ()) for base in found.bases]
    return seen


def is_exception(name: str) -> bool:
    """Whether a class is one, by the names of its bases."""
    kinds = (getattr(builtins, one, None) for one in ancestors(name))
    return any(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds)


@cache
def exceptions() -> list[Found]:
    """Every class that is an exception."""
    return [one for name, found in classes().items() if is_exception(name) for one in found]


def test_there_are_exceptions_in_every_package() -> None:
    assert {top(one.module) for one in exceptions()} == set(BASES) == set(PACKAGES)


def test_an_exception_is_of_its_packages_tree_and_says_what_to_do() -> None:
    bases = {package: base for package, (_, base) in BASES.items()}
    # What goes through code of others, which may catch every Exception, is none.
    own = [one for one in exceptions() if "BaseException" not in one.bases]
    strange = [f"{one.module}.{one.name}" for one in own if bases[top(one.module)] not in ancestors(one.name)]
    assert strange == [], f"each must be derived from the base of its package: {BASES}"
    silent = [f"{one.module}.{one.name}" for one in exceptions() if not (one.documented or one.name.startswith("_"))]
    assert silent == [], "each must say what its caller should do"


def test_no_two_exceptions_have_one_name() -> None:
    counts = Counter(one.name for one in exceptions())
    twice = [f"{one.module}.{one.name}" for one in exceptions() if counts[one.name] > 1]
    assert not twice
