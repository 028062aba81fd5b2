"""The existing projects and API keys, read from Kafka up to the current end offsets."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from infra.log.partitioner import partition_of
from infra.log.reading import ends_of, read_to_end
from schemas.base import Micros
from schemas.definitions import ApiKey, Definition, Project, RevokedKey
from schemas.key_uses import KeyUsed
from schemas.topics import DEFINITIONS, KEY_USES

_decode = msgspec.json.Decoder(Definition).decode
_used = msgspec.json.Decoder(KeyUsed).decode


class _Owned(msgspec.Struct):
    project: str


_owned = msgspec.json.Decoder(_Owned).decode


class Inventory:
    """counts: how many things of each (project, kind) there are; kinds are those of the keys in `definitions`."""

    def __init__(self) -> None:
        self.projects: dict[str, Project] = {}
        self._keys: dict[str, ApiKey | RevokedKey] = {}
        self._owners: dict[str, tuple[str, str]] = {}
        self._places: dict[str, int] = {}

    @classmethod
    def read(cls, bootstrap: str, project: str | None = None) -> "Inventory":
        """What stands in `definitions`; with a project, only of the partition that it is in. Raises `NotRead`."""
        inventory, ends = cls(), ends_of(bootstrap, DEFINITIONS)
        if project is not None:
            partition = partition_of(project.encode(), len(ends))
            ends = {partition: ends[partition]}
        for record in read_to_end(bootstrap, DEFINITIONS, ends):
            inventory.apply((record.key or b"").decode(errors="replace"), record.value, record.partition)
        return inventory

    def apply(self, key: str, value: bytes | None, partition: int = 0) -> None:
        """Take one record. partition: that it stands in; what is removed from one may be there in another."""
        kind, _, id = key.partition("/")
        if value is None:
            self.projects.pop(id, None) if kind == "project" else self._keys.pop(key, None)
            if self._places.get(key) == partition:
                del self._owners[key], self._places[key]
        elif kind in ("project", "key", "revoked-key"):
            definition = _decode(value)
            if isinstance(definition, Project):
                self.projects[id] = definition
            elif isinstance(definition, ApiKey | RevokedKey):
                self._keys[key] = definition
        elif id and kind not in ("outages", "claim", "person", "sent-forms"):
            self._owners[key], self._places[key] = (_owned(value).project, kind), partition

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        return Counter(self._owners.values()) + Counter((key.project, "key") for key in self.standing_keys())

    def keys(self, project: str | None = None) -> list[ApiKey | RevokedKey]:
        """The keys of a project, or of all, those that were revoked among them; oldest first."""
        found = (key for key in self._keys.values() if project in (None, key.project))
        return sorted(found, key=lambda key: (key.project, key.created, key.id))

    def standing_keys(self) -> Iterator[ApiKey]:
        """Those that were not revoked."""
        return (key for key in self._keys.values() if isinstance(key, ApiKey))

    def key(self, project: str, id: str) -> ApiKey | None:
        """A key that was not revoked."""
        key = self._keys.get(f"key/{id}")
        return key if isinstance(key, ApiKey) and key.project == project else None


def last_uses(bootstrap: str) -> dict[str, Micros]:
    """When each key was last used, as far as was told (`schemas.key_uses`). Raises `NotRead`."""
    uses: dict[str, Micros] = {}
    for record in read_to_end(bootstrap, KEY_USES):
        if record.value is not None:
            used = _used(record.value)
            uses[used.key] = max(used.at, uses.get(used.key, 0))
    return uses
