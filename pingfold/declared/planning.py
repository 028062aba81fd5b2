"""The plan: what is to be made, changed and removed, so that a project is as it is declared. Pure.

- A declared thing is the one that has its key; else the one that has the key `formerly`, which is renamed.
- A field that is declared, or was left out and so has its default, is compared with what is there; what somebody has
  changed by hand is put back. Of what is secret nothing is known: it is sent with each change of its thing.
- A thing belongs to the set that made it. One that nobody's set made is changed and stays nobody's; one of another set
  is refused; `adopt` takes both over. Only what belongs to a set of the files is pruned.
- What has a value that only one thing may have gives it up before another takes it.
- Applied once more, the same declarations give an empty plan.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from pingfold.declared.kinds import KINDS, TITLES
from pingfold.declared.problems import InvalidDeclarations, Problem
from pingfold.declared.things import HIDDEN, Declarations, Declared, Fields, Present, with_references
from pingfold.declared.unique_values import UniqueValues

Sign = Literal["+", "~", "-"]

# What a file that does not name it leaves as it is.
_LEFT = ("paused", "password")
_SENT_AGAIN = "[sent again]"
# So many things are named in a note.
_MOST_NAMED = 5


class FieldChange(NamedTuple):
    """A field that changes."""

    name: str
    old: Any
    new: Any


class Step(NamedTuple):
    """One thing that is made (`+`), changed (`~`) or removed (`-`).

    managed_by: the set that is told to the server; None: it stays as it is.
    """

    sign: Sign
    declared: Declared | None
    present: Present | None
    changes: tuple[FieldChange, ...] = ()
    managed_by: str | None = None

    @property
    def section(self) -> str:
        return (self.declared or self.present).section  # type: ignore[union-attr]

    @property
    def key(self) -> str:
        return (self.declared or self.present).key  # type: ignore[union-attr]


class Plan(NamedTuple):
    """steps: in the order in which they are taken. notes: what people should know besides.

    ids: of what is there, by section and the key that plans name it by.
    """

    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    ids: dict[tuple[str, str], str]

    def count(self, sign: Sign) -> int:
        return sum(step.sign == sign for step in self.steps)


class Options(NamedTuple):
    """prune: remove what a set of the files has made and no file declares. adopt: take over what another made.

    send_secrets: send secrets even where nothing else changes.
    """

    prune: bool = False
    adopt: bool = False
    send_secrets: bool = False


PLAIN = Options()


def plan(declarations: Declarations, present: Sequence[Present], now: str, options: Options = PLAIN) -> Plan:
    """What is to be done. now: the time in ISO 8601, UTC. Raises `InvalidDeclarations`."""
    return _Planner(declarations, present, now, options).plan()


class _Planner:
    def __init__(self, declarations: Declarations, present: Sequence[Present], now: str, options: Options) -> None:
        self._declared, self._sets = declarations.things, declarations.sets
        self._present, self._now, self._options = present, now, options
        self._problems: list[Problem] = []
        self._over: list[str] = []
        self._of_others: list[str] = []
        self._by_key: dict[tuple[str, str], list[Present]] = defaultdict(list)
        for one in present:
            self._by_key[one.section, one.key].append(one)
        self._there: dict[tuple[str, str], Present] = {}
        taken: dict[str, Declared] = {}
        for thing in self._declared:
            if (found := self._match(thing)) is not None:
                other = taken.setdefault(found.id, thing)
                if other is not thing:
                    words = f"'{other.key}' and '{thing.key}' would be the same thing: correct what they were formerly"
                    self._tell(thing, "formerly", words)
                self._there[thing.section, thing.key] = found
        matched = {one.id for one in self._there.values()}
        self._pruned = [
            one for one in present if options.prune and one.id not in matched and one.managed_by in self._sets
        ]
        self._gone = {one.id for one in self._pruned}
        self._unique = UniqueValues(self._declared, present, self._there, self._gone)
        self._names = self._named()
        self._ids = {(section, name): id for (section, id), name in self._names.items()}
        self._keys = {(one.section, one.key) for one in self._declared}
        kept = {name for (section, id), name in self._names.items() if section == "channels" and id not in self._gone}
        self._all_channels = sorted(kept | {key for section, key in self._keys if section == "channels"})

    def plan(self) -> Plan:
        for fault in self._unique.faults():
            self._tell(*fault)
        things = [self._resolved(thing) for thing in self._in_order()]
        changed = [step for thing in things if (step := self._step(thing)) is not None]
        order = list(KINDS)
        removed = sorted(self._pruned, key=lambda one: (-order.index(one.section), one.key))
        freed = self._unique.freed
        steps = [Step("-", None, one) for one in removed if one.id in freed]
        steps += changed
        steps += [Step("-", None, one) for one in removed if one.id not in freed]
        if self._problems:
            raise InvalidDeclarations(self._problems)
        return Plan(tuple(steps), tuple(self._notes()), self._ids)

    def _notes(self) -> Iterator[str]:
        if self._over:
            yield f"nothing is done of what is over: {_some(self._over)}"
        if self._of_others:
            yield f"--prune never removes what others have made, and --adopt takes it over: {_some(self._of_others)}"

    def _match(self, thing: Declared) -> Present | None:
        """What is there of a declared thing."""
        found = self._by_key.get((thing.section, thing.key)) or (
            self._by_key.get((thing.section, thing.formerly)) if thing.formerly else None
        )
        if not found:
            return None
        own = [one for one in found if one.managed_by == thing.managed_by]
        if len(found) > 1 and len(own) != 1:
            word = KINDS[thing.section].title
            self._tell(thing, "", f"there are {len(found)} things of kind {word} with this key: rename all but one")
            return None
        return own[0] if len(found) > 1 else found[0]

    def _named(self) -> dict[tuple[str, str], str]:
        """The names that references have, by section and id: the key, or the id of what shares its key."""
        keys = {(one.section, one.id): thing_key for (_, thing_key), one in self._there.items()}
        taken = Counter((one.section, one.key) for one in self._present if (one.section, one.id) not in keys)
        taken.update((section, key) for (section, _), key in keys.items())
        return {
            (one.section, one.id): keys.get((one.section, one.id))
            or (one.key if one.key and taken[one.section, one.key] == 1 else one.id)
            for one in self._present
        }

    def _resolved(self, thing: Declared) -> Declared:
        """The thing with references that are names, and with `channels` that were left out."""
        fields = dict(thing.fields)
        if "channels" in fields and fields["channels"] is None:
            fields["channels"] = self._all_channels
        return replace(thing, fields=with_references(fields, partial(self._name, thing)))

    def _name(self, thing: Declared, field: str, section: str, named: str) -> str:
        """The name that a reference of a declared thing means."""
        word = TITLES[section]
        if (section, named) in self._keys:
            return named
        if (section, named) in self._names:  # an id
            named = self._names[section, named]
        if (section, named) not in self._ids:
            shared = len(self._by_key.get((section, named), ()))
            words = (
                f"{shared} things of kind {word} are named '{named}': give the id of the one that is meant"
                if shared
                else f"there is no {word} '{named}', here or in the project"
            )
            self._tell(thing, field, words)
        elif self._ids[section, named] in self._gone:
            self._tell(thing, field, f"names the {word} '{named}', which is removed: declare it, or leave it out")
        return named

    def _in_order(self) -> Iterator[Declared]:
        """The things in the order in which they are made: behind what they depend on, and what has their values."""
        for section in KINDS:
            things = {one.key: one for one in self._declared if one.section == section}
            done: set[str] = set()
            for thing in things.values():
                yield from self._behind(thing, things, done)

    def _behind(self, first: Declared, things: dict[str, Declared], done: set[str]) -> Iterator[Declared]:
        """A thing behind what it waits for. Without recursion: a chain may be as long as there are things."""
        waiting = {first.key: self._waits_for(first)}
        while waiting:
            key = next(reversed(waiting))
            name = next((name for name in waiting[key] if name in things and name not in done), None)
            if name is None:
                del waiting[key]
                if key not in done:
                    done.add(key)
                    yield things[key]
            elif name in waiting:
                waits = list(waiting)
                loop = " -> ".join([*waits[waits.index(name) :], name])
                if name in (things[key].fields.get("depends_on") or ()):
                    self._tell(things[name], "depends_on", f"monitors wait for each other: {loop}")
                else:
                    field = KINDS[first.section].unique[0]
                    words = f"is exchanged ({loop}), which one request cannot do: apply once without it in '{name}'"
                    self._tell(things[name], field, f"{words}, then once more with it")
            else:
                waiting[name] = self._waits_for(things[name])

    def _waits_for(self, thing: Declared) -> Iterator[str]:
        """The keys of what is made before it."""
        return chain(thing.fields.get("depends_on") or (), self._unique.given_up_by(thing))

    def _step(self, thing: Declared) -> Step | None:
        kind, there = KINDS[thing.section], self._there.get((thing.section, thing.key))
        title = f"{kind.title} '{thing.key}'"
        if there is None:
            if (ends := thing.fields.get("ends_at")) and ends <= self._now:
                self._over.append(title)
                return None
            return Step("+", thing, None, managed_by=thing.managed_by)
        label = self._label(thing, there, title)
        changes = list(_changes(self._shown(there), thing.fields))
        for name in kind.fixed():
            if any(change.name == name for change in changes):
                self._tell(thing, name, "cannot be changed: give the thing another key, and a new one is made")
        if label is not None and label != there.managed_by:
            changes.append(FieldChange("managed_by", there.managed_by, label))
        if self._options.send_secrets:
            changed = {change.name for change in changes}
            changes += [FieldChange(name, HIDDEN, _SENT_AGAIN) for name in thing.secrets if name not in changed]
        return Step("~", thing, there, tuple(changes), label) if changes else None

    def _label(self, thing: Declared, there: Present, title: str) -> str | None:
        if there.managed_by == thing.managed_by or self._options.adopt:
            return thing.managed_by
        if there.managed_by:
            words = f"belongs to the set '{there.managed_by}': declare it there, or take it over with --adopt"
            self._tell(thing, "", words)
        else:
            self._of_others.append(title)
        return None

    def _shown(self, there: Present) -> Fields:
        """The fields of what is there, with names as references; things that are gone have none."""
        return with_references(there.fields, lambda _, section, id: self._names.get((section, id), id))

    def _tell(self, thing: Declared, field: str, words: str) -> None:
        path = f"{thing.section}.{thing.key}"
        place = thing.places.get(field, thing.place)
        self._problems.append(Problem(place, f"{path}.{field}" if field else path, words))


def _some(titles: Sequence[str]) -> str:
    more = len(titles) - _MOST_NAMED
    return ", ".join(titles[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _changes(there: Fields, declared: Fields) -> Iterable[FieldChange]:
    for name in dict.fromkeys((*declared, *there)):
        if name in declared or name not in _LEFT:
            old, new = there.get(name), declared.get(name)
            if old != new:
                yield FieldChange(name, old, new)
