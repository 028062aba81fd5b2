"""Prose (pages, docstrings, comments) and code of the repository, told apart by reading it as text."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple

from tests.source_tree import BESIDE, PACKAGES, ROOT

FOLDERS = (*PACKAGES, *BESIDE, "docs", "requirements", ".ci")
SUFFIXES = {".py", ".md", ".sql", ".yml", ".yaml", ".xml", ".properties", ".html", ".txt", ".toml", ".sh", ".svg"}
# The text of a migration that was applied never changes, its comments neither.
_FROZEN = re.compile(r"/\d{4}_\w+\.sql$")
_STRING = r'"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\''
_TOKEN = re.compile(rf"(?P<string>[rRbBfF]{{0,2}}(?:{_STRING}))|(?P<comment>\#[^\n]*)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ROW = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")
# Stands for something: NNNN_name.sql.
_PLACEHOLDER = re.compile(r"(?<![A-Za-z])[A-Z]{3,}(?:_name)?(?![A-Za-z])")
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)


class Prose(NamedTuple):
    """A docstring, a block of comments, or a page, and where it begins."""

    path: str
    line: int
    text: str


class Tree:
    """The text of every file, by its path from the root of the repository."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.folders = {str(folder) for path in files for folder in PurePosixPath(path).parents}

    @cached_property
    def prose(self) -> list[Prose]:
        found = []
        for path, text in self.files.items():
            if path.endswith(".md"):
                found.append(Prose(path, 1, text))
            elif path.endswith(".py"):
                found += prose_of(path, text)
        return found

    @cached_property
    def code(self) -> str:
        """All code in one text, without docstrings and comments."""
        files = ((path, text) for path, text in self.files.items() if not path.endswith(".md"))
        return "\n".join(code_of(text) if path.endswith(".py") else text for path, text in files)

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of code: names, and what strings hold."""
        return frozenset(_WORD.findall(self.code))

    @cached_property
    def dotted(self) -> frozenset[str]:
        """Every row of words with dots: some name no symbols but events, or lines of the log."""
        return frozenset(_ROW.findall(self.code))

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """Paths by their last part."""
        found: dict[str, list[str]] = {}
        for path in self.files:
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    @cached_property
    def classes(self) -> dict[str, list[str]]:
        """By the name of a class, the files that define one."""
        found: dict[str, list[str]] = {}
        for path, text in self.files.items():
            if path.endswith(".py"):
                for name in re.findall(r"^ *class (\w+)", text, re.MULTILINE):
                    found.setdefault(name, []).append(path)
        return found

    @cached_property
    def stems(self) -> dict[str, list[str]]:
        """By the last part of a module's dotted name, the files."""
        found: dict[str, list[str]] = {}
        for path in self.files:
            if path.endswith(".py"):
                found.setdefault(module_path(path).rpartition("/")[2], []).append(path)
        return found

    def has_path(self, path: str) -> bool:
        """Whether there is such a file or folder; a module may be named without `.py`, several with `*`."""
        path = path.rstrip("/")
        if path not in self.files:
            path = _PLACEHOLDER.sub("*", path)
        if "*" in path:
            return any(PurePosixPath(each).match(path) for each in (*self.files, *self.folders))
        if re.fullmatch(r"docs/decisions/\d{4}", path):
            return any(each.startswith(f"{path}-") for each in self.files)
        return path in self.files or path in self.folders or f"{path}.py" in self.files

    def has_tail(self, path: str) -> bool:
        """Whether the path of some file ends so."""
        path = path if path in self.by_name else _PLACEHOLDER.sub("*", path)
        if "*" in path:
            return any(PurePosixPath(each).match(path) for each in self.files)
        return any(f"/{each}".endswith(f"/{path}") for each in self.by_name.get(path.rpartition("/")[2], ()))


def module_path(path: str) -> str:
    """The path of a module without its ending."""
    return path.removesuffix("/__init__.py").removesuffix(".py")


def repository() -> Tree:
    """The files of this repository; of those that hold neither prose nor code only the names."""
    paths = [path for path in ROOT.iterdir() if path.suffix in SUFFIXES or path.name in {"LICENSE", "Makefile"}]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    files = {path.relative_to(ROOT).as_posix(): path for path in sorted(paths) if path.is_file()}
    return Tree({name: path.read_text("utf-8") if _is_read(name) else "" for name, path in files.items()})


def _is_read(name: str) -> bool:
    is_text = PurePosixPath(name).suffix in SUFFIXES or name == "Makefile" or name.startswith(".ci/")
    return is_text and _FROZEN.search(name) is None and not name.startswith("requirements/")


def prose_of(path: str, source: str) -> Iterator[Prose]:
    """Docstrings, and comments: those on consecutive lines are one text."""
    block: list[str] = []
    begins, ends, is_alone = 0, 0, False
    for match in _TOKEN.finditer(source):
        start = match.start()
        alone = not source[source.rfind("\n", 0, start) + 1 : start].strip()
        follows = alone and not source[ends:start].strip() and source.count("\n", ends, start) == 1
        if block and not (match["comment"] and follows and is_alone):
            yield Prose(path, source.count("\n", 0, begins) + 1, "\n".join(block))
            block = []
        if match["comment"] is not None:
            begins, is_alone = (begins, is_alone) if block else (start, alone)
            ends = match.end()
            block.append(match["comment"].lstrip("#: "))
        elif alone and _is_docstring(source, start):
            yield Prose(path, source.count("\n", 0, start) + 1, match["string"])
    if block:
        yield Prose(path, source.count("\n", 0, begins) + 1, "\n".join(block))


def code_of(source: str) -> str:
    """A module without its comments and docstrings."""

    def kept(match: re.Match[str]) -> str:
        is_prose = match["comment"] is not None or _is_docstring(source, match.start())
        return " " if is_prose else match[0]

    return _TOKEN.sub(kept, source)


def _is_docstring(source: str, start: int) -> bool:
    if source[start : start + 3] != '"""':
        return False
    before = source[max(0, start - 400) : start].rstrip()
    return not before or before.endswith(":")


def headings(page: str) -> list[str]:
    """The headings of a Markdown page, without what stands in fences."""
    found = re.findall(r"^#+ (.+?) *$", FENCE.sub("", page), re.MULTILINE)
    return [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in found]


def anchor(heading: str) -> str:
    """Where a link to a heading leads."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
