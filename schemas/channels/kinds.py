"""Every kind of channel by its name: each module of this package that has an object `KIND`. Pure.

A kind is one module here. The modules are found by their names, in the order of these, so nothing lists them.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Literal

import schemas.channels
from schemas.channels.kind import ChannelKind


def _kinds() -> list[ChannelKind]:
    names = sorted(module.name for module in iter_modules(schemas.channels.__path__) if module.name != "kinds")
    modules = [import_module(f"schemas.channels.{name}") for name in names]
    return [module.KIND for module in modules if hasattr(module, "KIND")]


CHANNEL_KINDS: Mapping[str, ChannelKind] = {kind.name: kind for kind in _kinds()}
# By the names that Healthchecks has for them, which its clients know.
_LISTED: Mapping[str, ChannelKind] = {kind.listed_as: kind for kind in CHANNEL_KINDS.values() if kind.listed_as}
# Every name that `kind_named` knows.
KIND_NAMES: tuple[str, ...] = (*CHANNEL_KINDS, *_LISTED)

# The names, as decoders and JSON Schemas have them.
if TYPE_CHECKING:
    KindName = str
    ListedName = str
else:
    KindName = Literal[tuple(CHANNEL_KINDS)]
    ListedName = Literal[tuple(kind.listed_as or kind.name for kind in CHANNEL_KINDS.values())]


def kind_named(name: str) -> ChannelKind | None:
    """The kind that has this name, or that Healthchecks calls so."""
    return CHANNEL_KINDS.get(name) or _LISTED.get(name)


def listed_name(kind: str) -> str:
    """What the Management API calls a kind: as Healthchecks does, where it has that kind."""
    return CHANNEL_KINDS[kind].listed_as or kind
