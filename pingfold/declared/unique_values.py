"""Values that only one thing of a kind may have, such as the domain of a status page. Pure.

Who has such a value must give it up before another takes it, or the server refuses the second of the two. So a plan
makes what gives it up first, and a value that nobody gives up is told before anything is changed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pingfold.declared.kinds import KINDS
from pingfold.declared.things import Declared, Present

_Value = tuple[str, str, object]


class UniqueValues:
    """Who has what, and who wants it.

    there: what is there of declared things, by section and key. gone: the ids of what is removed.
    """

    def __init__(
        self,
        declared: Sequence[Declared],
        present: Sequence[Present],
        there: Mapping[tuple[str, str], Present],
        gone: Collection[str],
    ) -> None:
        self._declared, self._gone = declared, gone
        self._keys = {one.id: key for (_, key), one in there.items()}
        self._holders = {value: one for one in present for value in _values(one)}
        self._there = there
        # Ids of what is removed first, since others take what it has.
        self.freed = {holder.id for thing in declared for _, holder in self._taken(thing) if holder.id in gone}

    def faults(self) -> Iterator[tuple[Declared, str, str]]:
        """What two things would have: the one that cannot get it, its field, and why not."""
        wanted: dict[_Value, Declared] = {}
        for thing in self._declared:
            for value in _values(thing):
                first = wanted.setdefault(value, thing)
                if first is not thing:
                    yield thing, value[1], f"'{value[2]}' is that of '{first.key}' already: give another one"
            for value, holder in self._taken(thing):
                if holder.id not in self._keys and holder.id not in self._gone:
                    words = f"the {KINDS[thing.section].title} '{holder.key}' has '{value[2]}': take it off there first"
                    yield thing, value[1], words

    def given_up_by(self, thing: Declared) -> Iterator[str]:
        """The keys of declared things that have what a thing wants: they are changed before it."""
        for _, holder in self._taken(thing):
            if (key := self._keys.get(holder.id)) is not None:
                yield key

    def _taken(self, thing: Declared) -> Iterator[tuple[_Value, Present]]:
        """What a thing wants that another one has."""
        own = self._there.get((thing.section, thing.key))
        for value in _values(thing):
            holder = self._holders.get(value)
            if holder is not None and (own is None or holder.id != own.id):
                yield value, holder


def _values(thing: Declared | Present) -> Iterator[_Value]:
    kind = KINDS.get(thing.section)
    for field in kind.unique if kind is not None else ():
        if value := thing.fields.get(field):
            yield thing.section, field, value
