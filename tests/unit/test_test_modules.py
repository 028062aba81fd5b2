"""Tests stand on helper modules, not on each other, and on what modules offer, not on what is private to them."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.source_tree import PACKAGES, ROOT, modules, top

TESTS = sorted((ROOT / "tests").rglob("*.py"))
# Private by a leading underscore, and documented all the same.
# `_TRANSPORT` and the like are codes of errors of the Kafka client.
_OFFERED = {"_replace", "_asdict", "_fields", "_make", "_exit", "_TRANSPORT"}
_PRIVATE = re.compile(r"_[A-Za-z]\w*$")


def imported_tests(tree: ast.AST) -> Iterator[str]:
    """The test modules, and the files of fixtures, that a module imports."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            last = name.rpartition(".")[2]
            if top(name) == "tests" and ((re.match(r"test_(?!_)", last) and _is_module(name)) or last == "conftest"):
                yield name


def _is_module(name: str) -> bool:
    return (ROOT / Path(*name.split("."))).with_suffix(".py").exists() or name.count(".") < 2


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_no_test_imports_another() -> None:
    found = {str(path.relative_to(ROOT)): names for path in TESTS if (names := list(imported_tests(parsed(path))))}
    assert found == {}, "what tests share stands in tests/<topic>.py"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from tests.unit.test_imports import PURE", ["tests.unit.test_imports"]),
        ("from tests.unit import test_imports", ["tests.unit.test_imports"]),
        ("import tests.unit.test_imports", ["tests.unit.test_imports"]),
        ("from tests.system.conftest import receiver", ["tests.system.conftest"]),
        ("from tests.harness import Harness", []),
    ],
)
def test_an_import_of_a_test_is_seen(source: str, found: list[str]) -> None:
    assert list(imported_tests(ast.parse(source))) == found


# ---- private names


@cache
def defined_in() -> dict[str, frozenset[str]]:
    """Private names, and the modules that define them."""
    found: dict[str, set[str]] = defaultdict(set)
    for module in modules().values():
        for node in ast.walk(module.tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    pass
                case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                    pass
                case _:
                    continue
            if _PRIVATE.match(name):
                found[name].add(module.name)
    return {name: frozenset(where) for name, where in found.items()}


def is_own_test(path: Path, module: str) -> bool:
    """Whether a test file is one of a module's own: its name has the module's name in it, or that of its package."""
    words = path.stem.removeprefix("test_")
    return any(part in words for part in module.split(".")[1:])


def private_names(tree: ast.AST) -> Iterator[str]:
    """Names that a test reaches into a module or an object for, itself and its own classes left out."""
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    own |= {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name) and node.value.id == "self"
    }  # fmt: skip
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=value, attr=name) if not (
                isinstance(value, ast.Name) and value.id in ("self", "cls")
            ):
                if name not in own:
                    yield name
            case ast.ImportFrom(module=str(module), names=aliases) if top(module) in PACKAGES:
                yield from (alias.name for alias in aliases)
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[_, ast.Constant(value=str(name)), *_]):
                yield name
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[ast.Constant(value=str(where)), *_]):
                yield where.rpartition(".")[2]
            case _:
                pass


def reached_into(path: Path) -> set[str]:
    """The private names of production modules that a test file uses although it is not theirs."""
    names = {name for name in private_names(parsed(path)) if _PRIVATE.match(name)} - _OFFERED
    return {
        name for name in names if (where := defined_in().get(name)) and not any(is_own_test(path, one) for one in where)
    }


# What is left of it, by test file: to become shorter, never longer. Where a test needs something, the module offers it.
LEFT: dict[str, set[str]] = {
    "property/test_http_connection.py": {"_peers"},
    "property/test_nothing_internal_is_told.py": {"_failure"},
    "ticking_story.py": {"_last"},
    "unit/test_guessing.py": {"_guesses"},
    "unit/test_hosted.py": {"_BEAT_SECONDS", "_checks"},
    "unit/test_openapi_fuzz.py": {"_nodeid"},  # schemathesis looks for it, and the newest pytest has none
    "unit/test_runtime_partition_stalls.py": {"_checks"},
    "unit/test_start_up.py": {"_LONGEST_PAUSE"},
    "unit/test_startup_app.py": {"_AGAIN_SECONDS"},
    "unit/test_stream.py": {"_consumer", "_position", "_thread"},
}


def test_nobody_reaches_into_what_is_private_to_a_module() -> None:
    found = {str(path.relative_to(ROOT / "tests")): reached_into(path) for path in TESTS}
    new = {file: more for file, names in found.items() if (more := names - LEFT.get(file, set()))}
    assert new == {}, "the module should offer it, or its own test should test it"


@pytest.mark.parametrize("file", LEFT)
def test_the_list_names_files_that_are_there(file: str) -> None:
    assert (ROOT / "tests" / file).exists()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import processors.x as module\nmodule._limit", {"_limit"}),
        ("from processors.x import _limit", {"_limit"}),
        ("monkeypatch.setattr(module, '_limit', 1)", {"_limit"}),
        ("monkeypatch.setattr('processors.x._limit', 1)", {"_limit"}),
        ("class A:\n    def __init__(self):\n        self._limit = 1\na._limit", set()),
        ("self._limit", set()),
    ],
)
def test_a_private_name_is_seen(source: str, found: set[str]) -> None:
    assert {name for name in private_names(ast.parse(source)) if _PRIVATE.match(name)} == found
