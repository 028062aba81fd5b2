"""How long Pingfold has kept the lines of a bulk request waiting, beyond the pace of its client.

Time passes either while the process waits for data from the client, or while lines wait for the process: for room, for
the lookup of a check, or for their turn. The latter adds to the backlog, the former reduces it. Without the wait, a
line that is evaluated now would have been evaluated earlier, by at most the backlog. In the meantime it was in memory,
or in a buffer of the operating system because the process did not read.

The time of the source does not pass that moment (`since`), nor the arrival of a line that Kafka has not acknowledged
yet. So no deadline is evaluated between the arrival of a line and its record. Refused lines are reported as a gap from
that moment on.
"""

from collections.abc import Callable

from schemas.base import SECOND, Micros


class Backlog:
    """Of one request, which has just begun. `monotonic`: in seconds. `owed`: those that the source's time waits for."""

    def __init__(self, monotonic: Callable[[], float], owed: "set[Backlog]") -> None:
        self._monotonic, self._owed = monotonic, owed
        self._behind = 0.0
        self._changed = monotonic()
        self._is_clients = True  # whose time it is
        self._is_read = False
        self._unreported: dict[int, Micros] = {}

    @property
    def seconds(self) -> float:
        """How far it is behind."""
        passed = self._monotonic() - self._changed
        return max(0.0, self._behind - passed) if self._is_clients else self._behind + passed

    def wait_for_client(self) -> None:
        """Everything that had come is dealt with."""
        self._behind, self._changed, self._is_clients = self.seconds, self._monotonic(), True

    def take(self) -> None:
        """Some more of the request has come. The source's time waits for it."""
        self._behind, self._changed, self._is_clients = self.seconds, self._monotonic(), False
        self.owe()

    def owe(self) -> None:
        """Some of it is for a check that is known: the source's time waits."""
        self._owed.add(self)

    def forgo(self) -> None:
        """Nothing that has come so far is for a check that is known: the source's time need not wait."""
        self._owed.discard(self)

    def end(self) -> None:
        """Nothing more of the request is read: the source's time waits for what Kafka has not reported on."""
        self._is_read = True
        if not self._unreported:
            self._owed.discard(self)

    def came(self, now: Micros) -> Micros:
        """Since when a line may have been there that is judged now. It never goes back."""
        return now - int(self.seconds * SECOND)

    def hand_over(self, number: int, came: Micros) -> None:
        """A line is on its way to Kafka. number: of its ping at the source. Call in the order of coming."""
        self._unreported[number] = came

    def report(self, number: int) -> None:
        """What became of a line is known, and told where it is not in the log."""
        del self._unreported[number]
        if self._is_read and not self._unreported:
            self._owed.discard(self)

    def since(self, now: Micros) -> Micros:
        """Since when lines may have been there that are neither in the log nor told as refused."""
        came = now if self._is_read else self.came(now)
        return min(came, next(iter(self._unreported.values()), came))
