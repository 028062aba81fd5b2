"""Whether the own network of a region is out, judged by what a prober saw last: pure, no I/O, no clock.

The contract:

- What counts is the newest regular result of each host in the last `SPAN` seconds, of so many hosts at most that a busy
  prober knows within a moment. Confirmations do not: they are asked for where something fails, and would be no fair
  sample. Hosts at one address count as one: a server that is down with all the sites on it is no trouble of ours.
- In trouble: at least `FEWEST` of them, and `TROUBLED` of those fail for reasons of the network. Well again: less than
  `WELL` of them do, or there is nothing that says so any more.
"""

SPAN = 30.0
MOST_HOSTS = 30
FEWEST = 5
TROUBLED = 0.8
WELL = 0.5

# Of so many hosts the address is remembered that they were at: a name that cannot be resolved has none.
_ADDRESSES = 10_000


class RegionWatch:
    def __init__(self) -> None:
        self.troubled = False
        self.failing = self.hosts = 0
        # By host, the oldest first: when, its address or else itself, whether the network failed.
        self._seen: dict[str, tuple[float, str, bool]] = {}
        self._addresses: dict[str, str] = {}

    def saw(self, host: str, address: str, failing: bool, at: float) -> None:
        """A regular probe of `host` has ended. address: the one it was at, if it came so far; at: seconds."""
        if address:
            self._addresses.pop(host, None)
            self._addresses[host] = address
            if len(self._addresses) > _ADDRESSES:
                del self._addresses[next(iter(self._addresses))]
        self._seen.pop(host, None)
        self._seen[host] = (at, self._addresses.get(host, host), failing)
        if len(self._seen) > MOST_HOSTS:
            del self._seen[next(iter(self._seen))]
        if self.troubled or failing:  # nothing else can change the verdict for the worse
            self.look(at)

    def look(self, at: float) -> None:
        """Time has passed."""
        while self._seen and self._seen[oldest := next(iter(self._seen))][0] < at - SPAN:
            del self._seen[oldest]
        places = {place: failing for _, place, failing in self._seen.values()}
        self.hosts, self.failing = len(places), sum(places.values())
        if self.troubled:
            self.troubled = self.hosts > 0 and self.failing >= WELL * self.hosts
        else:
            self.troubled = self.hosts >= FEWEST and self.failing >= TROUBLED * self.hosts
