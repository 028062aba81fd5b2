"""A story of one monitor whose certificate is tested and whose domain is asked about, told to the `monitors` fold.

Times are those of `tests.monitor_story`: seconds since midnight of 1 January 2024.
"""

from typing import Any

from processors.fold.contract import Effect
from schemas.certificates import Certificate, region_of_test
from schemas.monitor_states import Validity, validity_key
from schemas.monitors import ProbeTarget
from schemas.probes import CertificateTested, DomainTested
from schemas.transitions import ValidityTold
from tests.folding import of_type
from tests.monitor_story import MONITOR, Story, seconds, t

TRUSTING = {"target": ProbeTarget(url="https://api.example.com/health", verify=False)}
NOT_TRUSTED = "error code 20: unable to get local issuer certificate"
YEAR = 365


def certificate(ends: float, valid_for: float = YEAR, digit: str = "a") -> Certificate:
    """One that ends so many days after midnight, and was valid for so many by then."""
    return Certificate(
        not_before=t((ends - valid_for) * 86_400),
        not_after=t(ends * 86_400),
        fingerprint=digit * 64,
        subject="api.example.com",
        issuer="R11 (Let's Encrypt)",
        algorithm="SHA-256 with RSA encryption",
    )


class Watched:
    """A story of a monitor whose certificate is tested."""

    def __init__(self, *regions: str, **definition: Any) -> None:
        self.story = Story(*regions, **definition)

    @property
    def validity(self) -> Validity:
        return self.story.folding.state(Validity, validity_key(MONITOR))

    @property
    def known(self) -> bool:
        return validity_key(MONITOR) in self.story.folding.committed

    @property
    def due(self) -> float:
        """When the next test is to be made, in seconds."""
        due = self.validity.due if self.known else 0
        return seconds(due or self.story.state.begun)

    def result(self, shown: Certificate | None, error: str = "", **fields: Any) -> CertificateTested:
        """The result of the test that is due, made when it is due."""
        turn = self.validity.turn if self.known else 0
        told: dict[str, Any] = {
            "slot": t(self.due),
            "region": region_of_test(self.story.monitor, turn, 0),
            "at": max(t(self.due), t(self.story.time)),
            "valid": not error,
            "error": error,
            "certificate": shown,
        }
        return CertificateTested(**told | fields)

    def test(self, shown: Certificate | None, error: str = "", **fields: Any) -> list[Effect]:
        """Time passes until the test is due, it is made, and a tick comes after it."""
        effects = self.story.tick(self.due) if self.due > self.story.time else []
        result = self.result(shown, error, **fields)
        effects = effects + self.story.tell(result, seconds(result.at))
        return effects + self.story.tick(max(self.story.time, seconds(result.at)))

    def until(self, day: float, shown: Certificate, error: str = "") -> list[Effect]:
        """Every test that is due before that day is made; then a tick comes at its beginning."""
        effects: list[Effect] = []
        while self.due < day * 86_400:
            effects += self.test(shown, error)
        return effects + self.story.tick(day * 86_400)

    def domain(self, day: float, expires: float, region: str = "a") -> list[Effect]:
        at = day * 86_400
        effects = self.story.tick(at) if at > self.story.time else []
        fact = DomainTested(region=region, at=t(at), expires=t(expires * 86_400), source="RDAP")
        return [*effects, *self.story.tell(fact, at), *self.story.tick(at)]


def told(effects: list[Effect]) -> list[tuple[str, float]]:
    """Name and day of what people are told."""
    return [
        (one.notice.removeprefix("monitor."), round(seconds(one.at) / 86_400, 3))
        for one in of_type(effects, ValidityTold)
    ]
