"""What a kind of declared thing is: how it is judged, shown and asked for. Pure.

The judging is that of the REST APIs: a declaration is read by their functions, made into a definition, and shown as
they show it. So what is declared and what an API answers are compared in the same words, and no rule is written twice.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple

import msgspec

from pingfold.declared.things import Fields
from pingfold.errors import PingfoldError
from query_api.plans import PLANS, Plan
from schemas.definitions import KeyScope


class Fault(NamedTuple):
    """What is wrong with a field; "" for the thing as a whole."""

    field: str
    words: str


class Faults(PingfoldError):
    """A declaration that is refused."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(fault.words for fault in self.faults))


class Rules(NamedTuple):
    """What depends on the installation. regions: that there are; empty: not known, any is taken."""

    plan: Plan = PLANS["self-hosted"]
    regions: tuple[str, ...] = ()


ANY_INSTALLATION = Rules()
# What some things cannot be without.
_NEEDED = (
    "type", "url", "host", "port", "schedule", "tz", "timezone", "duration_minutes", "starts_at", "ends_at", "title",
)  # fmt: skip


class Judged(NamedTuple):
    """fields: complete, `HIDDEN` in place of what cannot be read back. secrets: that, as the API takes it."""

    fields: Fields
    secrets: Mapping[str, Any] = MappingProxyType({})


class Kind(ABC):
    """A kind of thing.

    section: as files have it. title: one of them, in sentences. key_field: the field of `fields` that is its key.
    api: whose key is needed; scope: which one it needs in order to change them, where keys have scopes.
    path: of the collection; paged: its answers are. details: a list does not tell all.
    unique: fields whose value, if there is one, only one thing may have.
    """

    section: ClassVar[str]
    title: ClassVar[str]
    key_field: ClassVar[str] = "name"
    api: ClassVar[Literal["healthchecks", "poppaping"]] = "poppaping"
    scope: ClassVar[KeyScope] = "monitors:write"
    path: ClassVar[str]
    details: ClassVar[bool] = False
    unique: ClassVar[tuple[str, ...]] = ()
    update: ClassVar[Literal["PATCH", "POST"]] = "PATCH"

    @abstractmethod
    def judged(self, key: str, given: Fields, rules: Rules) -> Judged:
        """What a declaration comes to. given: of the types of `format`. Raises `Faults`."""

    @abstractmethod
    def shown(self, answer: Mapping[str, Any]) -> Fields:
        """The fields of an object that the API shows; references are ids."""

    @abstractmethod
    def body(self, fields: Fields, secrets: Mapping[str, Any], managed_by: str | None, known: bool) -> Fields:
        """What the API is asked for. Its references are ids. managed_by: None: it stays. known: the thing is there."""

    def key_of(self, fields: Fields) -> str:
        """The key of a thing that is there; empty: it has none."""
        return str(fields[self.key_field])

    def undeclarable(self, fields: Fields) -> str:
        """Why what is there cannot be written as a declaration, in words; empty: it can."""
        return ""

    def fixed(self) -> tuple[str, ...]:
        """Fields that cannot be changed once a thing is made."""
        return ()

    def secret_fields(self, fields: Fields) -> tuple[str, ...]:
        """Fields whose values, or the values in them, are never told."""
        return ()

    def written(self, fields: Fields) -> Fields:
        """The fields of a thing that is there which a file needs to have: those that are not as by default."""
        key, spare, rules = self.key_of(fields), self._told(fields), ANY_INSTALLATION
        whole = self._comes_to(key, spare, rules)
        if whole is None:
            return spare
        if (fewer := self._unusual(key, spare, rules)) is not None and self._comes_to(key, fewer, rules) == whole:
            spare = fewer
        for name in list(spare):
            fewer = {other: value for other, value in spare.items() if other != name}
            if self._comes_to(key, fewer, rules) == whole:
                spare = fewer
        return spare

    def _unusual(self, key: str, spare: Fields, rules: Rules) -> Fields | None:
        """What no default gives: most of what there is to leave out, found at once."""
        usual = self._comes_to(key, {name: spare[name] for name in _NEEDED if name in spare}, rules)
        if usual is None:
            return None
        return {name: value for name, value in spare.items() if name in _NEEDED or usual.get(name) != value}

    def _comes_to(self, key: str, given: Fields, rules: Rules) -> Fields | None:
        try:
            return self.judged(key, given, rules).fields
        except Faults:
            return None

    def _told(self, fields: Fields) -> Fields:
        """The fields that a file may have."""
        return {name: value for name, value in fields.items() if name != self.key_field and value is not None}


def as_answered(value: Any) -> Any:
    """A value as an answer has it: plain, with lists where structs have tuples."""
    return msgspec.json.decode(msgspec.json.encode(value))
