"""The source of Pingfold as a tree of modules and what each imports, read with `ast`: nothing is executed."""

import ast
import gc
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "infra", "ingest", "processors", "query_api", "pingfold")
# Ours, but never part of what is installed.
BESIDE = ("tests", "bench")


@dataclass(frozen=True)
class Module:
    """A module. imports: dotted names, as far as they name modules; `names`: every (module, name) of from-imports."""

    name: str
    tree: ast.Module
    imports: frozenset[str]
    names: frozenset[tuple[str, str]]


@cache
def modules() -> dict[str, Module]:
    """Every module of the installed packages, by dotted name.

    A million objects, kept as long as the process: to look for garbage in them takes longer than to make them.
    """
    sources = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    gc.disable()
    try:
        return {name: parse(name, path.read_text(), sources) for name, path in sources.items()}
    finally:
        gc.freeze()
        gc.enable()


def parse(name: str, source: str, ours: Iterable[str] = ()) -> Module:
    """A module from its source; `ours` names the modules that `from package import module` may mean.

    Imports count wherever they stand: in a function, under TYPE_CHECKING, or asked for as text.
    """
    tree, known = ast.parse(source), set(ours)
    imports: set[str] = set()
    names: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                imports.update(alias.name for alias in aliases)
            case ast.ImportFrom(module=module, names=aliases):
                where = module or ""  # relative imports are ruff's to refuse
                for alias in aliases:
                    within = f"{where}.{alias.name}"
                    imports.add(within if within in known else where)
                    names.add((where, alias.name))
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(asked)), *_],
            ):
                imports.add(asked)
    return Module(name, tree, frozenset(imports), frozenset(names))


def top(name: str) -> str:
    """The package that a dotted name begins with."""
    return name.partition(".")[0]


def reachable(start: Iterable[str]) -> list[Module]:
    """Modules of ours that are imported from `start` on, `start` and the packages on the way included."""
    known = modules()
    found: dict[str, Module] = {}
    open_names = list(start)
    while open_names:
        name = open_names.pop()
        if name not in known or name in found:
            continue
        found[name] = known[name]
        open_names += known[name].imports
        open_names.append(name.rpartition(".")[0])  # importing a.b runs a, too
    return [found[name] for name in sorted(found)]
