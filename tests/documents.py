"""What prose names (files, sections, symbols, settings), and whether it is there.

`problems` tells of each name in a text that leads nowhere. Nothing is imported or executed, and only the modules that
are named are parsed.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import PurePosixPath

from infra.settings.errors import unknown_settings
from tests.prose import FENCE, FOLDERS, SUFFIXES, Prose, Tree, anchor, headings, module_path
from tests.source_tree import BESIDE, PACKAGES

_TOP = "|".join(map(re.escape, FOLDERS))
_PATH = re.compile(rf"(?<![\w/.<>*-])(?:{_TOP})/[\w./*-]*")
_PAGE_OR_MODULE = re.compile(r"(?<![\w/.<>*-])[\w-]+(?:/[\w-]+)*\.(?:py|md|sql)\b")
_DOTTED = re.compile(rf"(?<![\w./@-])(?:{'|'.join((*PACKAGES, *BESIDE))})(?:\.[A-Za-z_]\w*)+")
_SECTION = re.compile(r'(docs/[\w/-]+\.md), "([^"]+)"(?: and "([^"]+)")?')
_STATEMENT = re.compile(r"(docs/[\w/-]+\.md), statements? (\d+(?:(?:, | to | and )\d+)*)")
_LINK = re.compile(r"\]\(([\w./#:%?=&~+@-]+)\)")
_DECISION = re.compile(r"(?<![\w.:/-])00\d\d(?![\w.:-])")
_SETTING = re.compile(r"\bPINGFOLD_[A-Z0-9_]*[A-Z0-9]\b(?!_)")
_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)([^`]+?)\1(?!`)")
_SYMBOL = re.compile(r"([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)(\(\))?")
# A word that only code spells so: with an underscore inside, in CamelCase, or called.
_CODED = re.compile(r"_*(?!PINGFOLD_)[A-Za-z0-9]+_\w*|[A-Z][a-z0-9]+[A-Z]\w*")
# What Prometheus puts behind the name of a metric.
_OF_METRIC = re.compile(r"_(total|bucket|count|sum)$")
_ABSENT = re.compile(r"\bDESIGN\b|\breference/[\w-]+|\bseeds? 0\d\d\b")


def problems(prose: Prose, tree: Tree) -> Iterator[str]:
    """What a text names and is not there, each as one line that says where to look."""
    where = f"{prose.path}:{prose.line}"
    text = prose.text
    words = re.sub(r"\s+", " ", FENCE.sub("", text) if prose.path.endswith(".md") else text)
    told: set[str] = set()
    for name in _absent(prose, text, words, tree):
        if name not in told:
            told.add(name)
            yield f"{where} {name}"


def _absent(prose: Prose, text: str, words: str, tree: Tree) -> Iterator[str]:
    yield from (f"cites {found}, which is not in the repository" for found in _ABSENT.findall(words))
    for match in _PATH.finditer(words):
        path = match[0].rstrip(".-")
        if not words[match.end() :].startswith("<") and not tree.has_path(path):
            yield f"names {path}, and there is no such file or folder"
    for path in _PAGE_OR_MODULE.findall(words):
        if not tree.has_tail(path):
            yield f"names {path}, and no file is called so"
    yield from (f"names {name}, which does not exist" for name in _DOTTED.findall(words) if not resolves(name, tree))
    yield from _sections(words, tree)
    if prose.path.startswith("docs/"):
        for number in _DECISION.findall(words):
            if not tree.has_path(f"docs/decisions/{number}"):
                yield f"names decision {number}, which does not exist"
    if prose.path.endswith(".md"):
        yield from _links(prose.path, text, tree)
    if settings := set(_SETTING.findall(text)) - FOREIGN:
        yield from unknown_settings(settings)
    yield from _symbols(words, tree)


def _sections(words: str, tree: Tree) -> Iterator[str]:
    for page, *titles in _SECTION.findall(words):
        for title in filter(None, titles):
            if title not in headings(tree.files.get(page, "")):
                yield f'names {page}, "{title}", and the page has no such section'
    for page, numbers in _STATEMENT.findall(words):
        begun = [heading.partition(":")[0] for heading in headings(tree.files.get(page, ""))]
        for number in re.findall(r"\d+", numbers):
            if f"Statement {number}" not in begun:
                yield f"names {page}, statement {number}, which does not exist"


def _links(path: str, text: str, tree: Tree) -> Iterator[str]:
    for target in _LINK.findall(FENCE.sub("", text)):
        file, _, section = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = _joined(path, file) if file else path
        if not tree.has_path(found):
            yield f"links to {target}, which does not exist"
        elif section and section not in map(anchor, headings(tree.files.get(found, ""))):
            yield f"links to {target}, and the page has no such section"


def _joined(page: str, target: str) -> str:
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / target).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _symbols(words: str, tree: Tree) -> Iterator[str]:
    for _, span in _CODE.findall(words):
        match = _SYMBOL.fullmatch(span.strip())
        if match is None:
            continue
        first, rest, called = match.groups()
        if PurePosixPath(span).suffix in SUFFIXES:  # a file, which has been looked for
            continue
        if not rest:
            coded = called or _CODED.fullmatch(first)
            if coded and not {first, _OF_METRIC.sub("", first)} & (tree.words | FOREIGN):
                yield f"names `{span}`, and no code has that word"
        elif first not in PACKAGES and first not in BESIDE and not _is_known(first, rest[1:], tree):
            yield f"names `{span}`, which does not exist"


def _is_known(first: str, rest: str, tree: Tree) -> bool:
    """Whether `first.rest` may be meant: a class or module of ours that has it, or no name of ours at all."""
    name = f"{first}.{rest}"
    if name in FOREIGN or (first not in tree.classes and first not in tree.stems):
        return True
    for path in tree.classes.get(first, ()):
        if _has(_members_of_class(first, tree.files[path]), rest.partition(".")[0]):
            return True
    for path in tree.stems.get(first, ()):
        if resolves(f"{module_path(path).replace('/', '.')}.{rest}", tree):
            return True
    return name in tree.dotted


def resolves(name: str, tree: Tree) -> bool:
    """Whether a dotted name is a module or package of ours, or something that one of them defines."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        path = "/".join(parts[:end])
        source = tree.files.get(f"{path}.py", tree.files.get(f"{path}/__init__.py"))
        if source is None and path not in tree.folders:
            continue
        rest = parts[end:]
        if not rest:
            return True
        if source is None or rest[0] not in _names_of_module(source):
            return False
        return len(rest) == 1 or _has(_members_of_class(rest[0], source), rest[1])
    return False


def _has(members: frozenset[str] | None, name: str) -> bool:
    return members is None or name in members


@cache
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


@cache
def _names_of_module(source: str) -> frozenset[str]:
    """What a module defines or imports at its top."""
    found: set[str] = set()
    for node in _parsed(source).body:
        found.update(_names_of(node))
    return frozenset(found)


def _names_of(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in aliases)
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            names = (each for each in ast.walk(node) if isinstance(each, ast.Name))
            yield from (name.id for name in names if isinstance(name.ctx, ast.Store))
        case ast.If() | ast.Try() | ast.With():
            for inner in ast.iter_child_nodes(node):
                if isinstance(inner, ast.stmt):
                    yield from _names_of(inner)
        case _:
            pass


@cache
def _members_of_class(name: str, source: str) -> frozenset[str] | None:
    """The fields, methods and attributes of a class; None when it inherits some that are not seen from here."""
    found: set[str] = set()
    is_class = False
    for node in ast.walk(_parsed(source)):
        if not (isinstance(node, ast.ClassDef) and node.name == name):
            continue
        is_class = True
        if any(ast.unparse(base).partition("[")[0] not in _BASES for base in node.bases):
            return None
        for inner in node.body:
            found.update(_names_of(inner))
        for each in ast.walk(node):
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store):
                found.add(each.attr)
    return frozenset(found) if is_class else None


# Classes that give their heirs no names that prose speaks of.
_BASES = {
    "Enum", "Exception", "Fact", "Generic", "NamedTuple", "Protocol", "StrEnum", "Struct", "Value", "ValueError",
    "msgspec.Struct",
}  # fmt: skip

# Names of others that no code of ours spells, or that one of ours shares; and one that is an example of a mistake.
FOREIGN: frozenset[str] = frozenset(
    {
        "Consumer.consume", "INVALID_TXN_STATE", "PINGFOLD_RETENTION_PINGZ", "credentials_file", "exactly_once",
        "kafka.docker.KafkaDockerWrapper", "sasl_plaintext",
    }
)  # fmt: skip


def all_problems(tree: Tree, among: Iterable[Prose] | None = None) -> list[str]:
    """Those of all prose, or of some of it."""
    return [problem for prose in (tree.prose if among is None else among) for problem in problems(prose, tree)]
