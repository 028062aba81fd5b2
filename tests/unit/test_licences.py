"""docs/licences.md names what Pingfold needs to run, and no licence that would forbid its own."""

import re
import tomllib
from importlib import metadata

from packaging.requirements import Requirement

from tests.source_tree import ROOT

# Of a package that is imported, these would oblige Pingfold itself. LGPL and MPL do not.
_FORBIDDING = re.compile(r"(?<!Lesser )(?<!Library )General Public License|\bA?GPL", re.IGNORECASE)

_FIELDS = ("License-Expression", "License", "Classifier")


def needed() -> set[str]:
    """Names of all packages that are installed for running, in their normal form."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    left = [Requirement(text) for text in project["dependencies"]]
    overrides = (ROOT / "requirements" / "overrides.txt").read_text().splitlines()
    left_out = {Requirement(line).name for line in overrides if line and not line.startswith("#")}
    seen: set[tuple[str, frozenset[str]]] = set()
    while left:
        one = left.pop()
        known = _normal(one.name), frozenset(one.extras)
        if known not in seen:
            seen.add(known)
            asked = (Requirement(text) for text in metadata.requires(one.name) or ())
            left += [each for each in asked if _applies(each, one.extras) and each.name not in left_out]
    return {name for name, _ in seen}


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, ""))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_named() -> None:
    named = {_normal(word) for word in re.findall(r"[A-Za-z][\w.-]*\w", (ROOT / "docs" / "licences.md").read_text())}
    assert {"fastapi", "starlette", "faust-streaming"} <= needed()
    assert needed() <= named, f"name in docs/licences.md: {sorted(needed() - named)}"


def test_none_forbids_the_licence_of_pingfold() -> None:
    for name in needed():
        told = metadata.metadata(name)
        texts = [text for field in _FIELDS for text in told.get_all(field) or () if "\n" not in text]
        assert not [text for text in texts if _FORBIDDING.search(text)], name
