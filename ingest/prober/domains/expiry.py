"""When the domains of monitors expire, as far as it is known by now: asking never holds up a probe.

The contract:

- The domain of a host is the label below a public suffix and all above it. What providers hand out (`name.github.io`)
  is theirs to renew, so the domain is the provider's. Addresses have none, nor have names that nobody registers.
- A domain is asked about because a probe of one of its monitors has ended, once however many monitors it has: not at
  once but within the first minutes, then again after a day and a bit, after an hour when nobody answered. A hash of the
  name spreads them, so that no registry hears of all our domains in one moment.
- A few are asked about beside each other.
- What was known stays known while nobody answers.
"""

import asyncio
import functools
import re
from collections import deque
from collections.abc import Awaitable, Callable
from hashlib import sha256

import structlog
from publicsuffixlist import PublicSuffixList

from ingest.prober.domains.rdap import NotAnswered
from ingest.prober.probes.hosts import host_of
from schemas.base import Micros
from schemas.host_names import InvalidHost, certificate_name
from schemas.monitors import Monitor

log = structlog.get_logger(__name__)

FIRST_WITHIN = 300.0
AGAIN = 86_400.0
AGAIN_WITHIN = 10_800.0
RETRY = 3_600.0
AT_ONCE = 4
# Hosts whose domain is remembered.
_HOSTS = 10_000
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
# More domains than anybody watches; the one known longest makes room.
MOST = 50_000

# Asks when a domain expires (`Rdap.expires`).
Ask = Callable[[str], Awaitable[Micros | None]]


class _Known:
    """A domain. due: when it is to be asked about next; never while it is queued or asked about."""

    __slots__ = ("due", "expires", "told")

    def __init__(self, due: float) -> None:
        self.due = due
        self.expires: Micros | None = None
        # The monitors of which it was told since it was asked about last.
        self.told: set[str] = set()


class Domains:
    """To be used inside a running event loop. monotonic: what look-ups are planned by."""

    def __init__(self, ask: Ask, monotonic: Callable[[], float]) -> None:
        self._ask, self._monotonic = ask, monotonic
        self._suffixes = PublicSuffixList(accept_unknown=False, only_icann=True)
        self._domain_of = functools.lru_cache(_HOSTS)(self._registered)
        self._known: dict[str, _Known] = {}
        self._queue: deque[str] = deque()
        self._asking: set[asyncio.Task[None]] = set()

    def expires(self, monitor: Monitor) -> Micros | None:
        """When the domain of `monitor` expires; None while that is not known. It is asked about when that is due."""
        domain = self._domain_of(host_of(monitor))
        if domain is None:
            return None
        now = self._monotonic()
        known = self._known.get(domain)
        if known is None:
            known = self._known[domain] = _Known(now + _spread(domain) * FIRST_WITHIN)
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]
        if known.due <= now:
            known.due = float("inf")
            self._queue.append(domain)
            self._ask_next()
        return known.expires

    def is_news(self, monitor: Monitor) -> bool:
        """Whether what is known of the domain was not told of this monitor yet; from now on it was."""
        known = self._known.get(self._domain_of(host_of(monitor)) or "")
        if known is None or known.expires is None or monitor.id in known.told:
            return False
        known.told.add(monitor.id)
        return True

    def _registered(self, host: str) -> str | None:
        try:
            domain = self._suffixes.privatesuffix(certificate_name(host))
        except InvalidHost:
            return None
        return domain if domain and _DOMAIN.fullmatch(domain) else None

    def _ask_next(self) -> None:
        while self._queue and len(self._asking) < AT_ONCE:
            asking = asyncio.create_task(self._look_up(self._queue.popleft()))
            self._asking.add(asking)
            asking.add_done_callback(self._asked)

    def _asked(self, asking: asyncio.Task[None]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            self._ask_next()

    async def _look_up(self, domain: str) -> None:
        known = self._known.get(domain)
        if known is None:
            return
        try:
            known.expires = await self._ask(domain)
            known.told.clear()
            known.due = self._monotonic() + AGAIN + _spread(domain) * AGAIN_WITHIN
        except NotAnswered as error:
            known.due = self._monotonic() + RETRY
            log.info("prober.domain_not_told", domain=domain, error=str(error))
        except Exception:
            known.due = self._monotonic() + RETRY
            log.exception("prober.domain_failed", domain=domain)

    @property
    def asking(self) -> bool:
        """Whether anybody is being asked now."""
        return bool(self._asking)

    async def close(self) -> None:
        """Stop asking."""
        self._queue.clear()
        for asking in self._asking:
            asking.cancel()
        if self._asking:
            await asyncio.wait(self._asking)


def _spread(domain: str) -> float:
    """A number from 0 to 1 that is the domain's own."""
    return int.from_bytes(sha256(domain.encode()).digest()[:4], "big") / 2**32
