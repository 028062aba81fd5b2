"""Every sentence that people are told in a notice, by language. Pure.

A language is one module here, named by its tag: `NAME`, as its speakers call it, and `SENTENCES`. The modules are
found by their names, so nothing lists them. A sentence that a language does not have is told in English.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

import schemas.languages

ENGLISH: Final = "en"
_OTHERS = ("catalogues", "causes", "reading")


def _found() -> dict[str, tuple[str, Mapping[str, str]]]:
    tags = sorted(module.name for module in iter_modules(schemas.languages.__path__) if module.name not in _OTHERS)
    modules = {tag: import_module(f"schemas.languages.{tag}") for tag in tags}
    return {tag: (module.NAME, module.SENTENCES) for tag, module in modules.items()}


_FOUND = _found()
# The name of each language, by its tag.
LANGUAGES: Final[Mapping[str, str]] = {tag: name for tag, (name, _) in _FOUND.items()}
CATALOGUES: Final[Mapping[str, Mapping[str, str]]] = {tag: sentences for tag, (_, sentences) in _FOUND.items()}


def sentence(language: str, key: str, **values: object) -> str:
    """A sentence in a language. values: what stands in it, which is taken for nothing but text. Raises `KeyError` for a
    key that not even English has."""
    known = CATALOGUES.get(language, {}).get(key)
    return (CATALOGUES[ENGLISH][key] if known is None else known).format(**values)
