"""Imports go one way, and what must be pure is pure (docs/design.md, statement 8)."""

import ast
import builtins
from collections.abc import Iterator
from functools import cache

import pytest

from schemas.topics import JOURNALS
from tests.source_tree import BESIDE, PACKAGES, Module, modules, parse, reachable, top

# Each package and the packages that it may import, besides itself. Only `pingfold` puts the parts together.
MAY_IMPORT = {
    "schemas": set[str](),
    "infra": {"schemas"},
    "ingest": {"infra", "schemas"},
    "processors": {"infra", "schemas"},
    "query_api": {"infra", "schemas"},
    "pingfold": {"ingest", "processors", "query_api", "infra", "schemas"},
}

# What pure modules may import that is not ours. A list of what is allowed, since that of what does I/O has no end.
ALLOWED = {
    "abc", "base64", "bisect", "calendar",
    "collections", "collections.abc", "contextlib", "copy", "dataclasses", "datetime",
    "enum", "functools", "hashlib", "heapq", "itertools", "math", "operator", "re", "typing",
    "msgspec", "msgspec.structs",
    # They only parse.
    "ipaddress", "urllib.parse",
}  # fmt: skip
ALLOWED_ALSO = {
    # URLs are only parsed.
    "schemas.channels.urls": {"urllib.parse"},
    # The kinds are the modules of a package, found when that is imported.
    "schemas.channels.kinds": {"importlib", "pkgutil"},
    # So are the languages.
    "schemas.languages.catalogues": {"importlib", "pkgutil"},
    # The time zone data are read from the package tzdata, whose version the states name; the parsers only parse.
    "schemas.schedules": {"importlib", "zoneinfo", "tzdata", "cronsim", "oncalendar"},
    # Tables of the letters in names.
    "schemas.host_names": {"idna"},
    "schemas.mail_addresses": {"unicodedata"},
    # Random ids are made by those who ask; no fold may take `new_id` (below).
    "schemas.ids": {"uuid"},
    # Numbers in little room, and their median.
    "processors.what_if.summary": {"array", "statistics"},
    # A checksum, as pure as those of hashlib.
    "processors.fold.contract": {"zlib"},
}
# What all APIs share.
SHARED = ("query_api.http.", "query_api.state.", "query_api.history.", "query_api.keys", "query_api.dependencies")
# Random ids, and what asks tables of letters: those change with the version of Python or of a package.
NOT_FOR_FOLDS = {
    ("schemas.ids", "new_id"),
    ("schemas.origins", "origin_of"),
    ("schemas.origins", "host_and_port"),
    ("schemas.host_names", "encoded_host"),
    ("schemas.host_names", "ascii_url"),
    ("schemas.mail_addresses", "mail_address"),
    ("urllib.parse", "urlsplit"),
}

# Calls that differ from process to process or reach outside, although no import shows it. `hash` is salted.
IMPURE_CALLS = {"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint", "hash", "id"}
CLOCKS = {"now", "utcnow", "today"}


def folds() -> list[str]:
    """The modules of the folds, which `pingfold/folds.py` imports by the names that their journals have."""
    found = sorted(f"processors.{journal.fold}.fold" for journal in JOURNALS)
    assert {"processors.projects.fold", "processors.checks.fold", "processors.deliveries.fold"} <= set(found)
    return found


@cache
def pure() -> list[Module]:
    """The folds, the schemas, and whatever they import of ours."""
    what_if = ("processors.what_if.refold", "processors.what_if.summary")
    return reachable(
        ["processors.fold.contract", *folds(), *what_if, *(name for name in modules() if top(name) == "schemas")]
    )


def wrong_way(module: Module) -> list[str]:
    """Imports of ours that go against the order of the packages."""
    own = top(module.name)
    return sorted(
        name for name in module.imports if top(name) in {*PACKAGES, *BESIDE} - MAY_IMPORT[own] and top(name) != own
    )


def impurities(module: Module) -> Iterator[str]:
    """What a pure module must not hold, each as one line."""
    allowed = ALLOWED | ALLOWED_ALSO.get(module.name, set())
    for name in sorted(module.imports):
        if top(name) not in {"schemas", "processors"} and name not in allowed:
            yield f"imports {name}"
    if top(module.name) == "processors":
        yield from (f"imports {name} of {where}" for where, name in sorted(NOT_FOR_FOLDS & module.names))
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield f"line {node.lineno} calls {name}()"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="datetime" | "date") as of, attr=name)) if (
                name in CLOCKS or (name == "fromtimestamp" and len(node.args) + len(node.keywords) < 2)
            ):
                yield f"line {node.lineno} asks the machine: {of.id}.{name}()"
            case ast.Call(func=ast.Name(id="ZoneInfo")):
                yield f"line {node.lineno} reads the system's time zones"
            case _:
                pass


def test_imports_go_one_way() -> None:
    found = {module.name: wrong for module in modules().values() if (wrong := wrong_way(module))}
    assert found == {}, "each of these imports what is beyond its package"


def test_folds_and_schemas_are_pure() -> None:
    found = {module.name: wrong for module in pure() if (wrong := list(impurities(module)))}
    assert found == {}, "each of these is part of a fold, or of schemas"


def test_the_folds_reach_nothing_but_folds_and_schemas() -> None:
    names = {module.name for module in pure()}
    assert {top(name) for name in names} == {"processors", "schemas"}
    assert not {name for name in names if name.startswith("processors.runtime")}
    assert not names & {
        "processors.sender.sender",
        "processors.sender.webhooks",
        "processors.history.writer",
        "processors.sender.signatures",
    }
    assert {
        "processors.fold.contract",
        "processors.checks.rules",
        "processors.deliveries.retry_policy",
        "schemas.schedules",
    } <= names


def packages_of_apis() -> set[str]:
    """The packages that have an `API`; the application lists each of them."""
    found = {name for name, module in modules().items() if top(name) == "query_api" and _has_api(module)}
    assert found >= {"query_api.healthchecks", "query_api.poppaping"}
    assert found <= modules()["query_api.app"].imports
    return found


def _has_api(module: Module) -> bool:
    return any(isinstance(node, ast.Assign) and _is_named(node.targets, "API") for node in module.tree.body)


def _is_named(targets: list[ast.expr], name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def test_apis_do_not_import_each_other() -> None:
    """What two of them need is shared: `query_api/http/`, `query_api/state/`, `query_api/history/`, beside them."""
    apis = packages_of_apis()
    for module in modules().values():
        own = next((api for api in apis if f"{module.name}.".startswith(f"{api}.")), None)
        others = {name for name in module.imports for api in apis - {own} if f"{name}.".startswith(f"{api}.")}
        if own is not None:
            assert not others, f"{module.name} imports {sorted(others)}"
        elif module.name.startswith(SHARED):
            assert not others, f"{module.name} is shared by all APIs, and imports {sorted(others)}"


def test_exceptions_are_still_needed() -> None:
    for name, also in ALLOWED_ALSO.items():
        assert also <= modules()[name].imports
    assert all(hasattr(builtins, name) for name in IMPURE_CALLS)


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("query_api.x", "from ingest.ticker import Ticker", ["ingest.ticker"]),
        ("query_api.x", "def f():\n    import processors.checks.fold", ["processors.checks.fold"]),
        ("infra.x", "import importlib\nimportlib.import_module('query_api.app')", ["query_api.app"]),
        ("schemas.x", "import infra.settings.settings", ["infra.settings.settings"]),
        ("processors.x", "from pingfold import folds", ["pingfold.folds"]),
        ("pingfold.x", "from tests.folding import Folding", ["tests.folding"]),
        (
            "ingest.x",
            "from ingest.ticker import Ticker\nfrom infra.settings.settings import Settings\nimport schemas.base",
            [],
        ),
    ],
)
def test_a_wrong_way_is_seen(name: str, source: str, found: list[str]) -> None:
    assert wrong_way(parse(name, source, modules())) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import asyncio", ["imports asyncio"]),
        ("def f():\n    from os import path", ["imports os"]),
        ("from collections.abc import Mapping\nfrom schemas.base import Micros", []),
        ("import infra.settings.settings", ["imports infra.settings.settings"]),
        ("from schemas.ids import new_id", ["imports new_id of schemas.ids"]),
        ("from datetime import datetime\ndatetime.now(UTC)", ["line 2 asks the machine: datetime.now()"]),
        ("datetime.fromtimestamp(0)", ["line 1 asks the machine: datetime.fromtimestamp()"]),
        ("from datetime import datetime, UTC\ndatetime.fromtimestamp(tick.now, UTC)", []),
        ("hash('a')", ["line 1 calls hash()"]),
    ],
)  # fmt: skip
def test_an_impurity_is_seen(source: str, found: list[str]) -> None:
    assert list(impurities(parse("processors.x", source, modules()))) == found
