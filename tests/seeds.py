"""Random numbers that can be had again: one seed for a whole run, and for each test one made of it and its name.

The seed is printed at the head of a run and below each test that failed; `TEST_SEED=<seed>` repeats what was random in
it, for one test as for all. So it does the ids that unit tests make: the slot of a monitor, the partition of a check
and the order of things depend on them. Hypothesis has seeds of its own, and prints how to repeat what failed.
"""

import os
import random
import secrets
import uuid
from collections import Counter

from schemas import ids

_VARIABLE = "TEST_SEED"
# Tests that share servers keep random ids: what one left there must not meet the next.
_OWN_WORLD = ("tests/unit/", "tests/property/")
_chance = random.Random()
# Tests of a schema share one name, and the world of their module.
_begun: Counter[str] = Counter()


def run_seed() -> str:
    """The seed of this run: the one that was given, else a new one, which the processes that are started now share."""
    return os.environ.setdefault(_VARIABLE, str(secrets.randbelow(10**9)))


def seed_test(nodeid: str) -> None:
    """Let what a test takes from `random`, and its ids, depend on nothing but the seed of the run and the test."""
    seed = f"{run_seed()} {nodeid}"
    random.seed(seed)
    _chance.seed(f"{seed} {_begun[nodeid]}")
    _begun[nodeid] += 1
    vars(ids)["uuid4"] = _seeded_uuid if nodeid.startswith(_OWN_WORLD) else uuid.uuid4


def _seeded_uuid() -> uuid.UUID:
    return uuid.UUID(int=_chance.getrandbits(128), version=4)


def words() -> str:
    """How what was random is repeated."""
    return f"random seed: {run_seed()} ({_VARIABLE}={run_seed()} repeats it)"
