"""Random numbers that can be had again: one seed for a whole run, and for each test one made of it and its name.

The seed is printed at the head of a run and below each test that failed; `TEST_SEED=<seed>` repeats what was random in
it, for one test as for all. Hypothesis has seeds of its own, and prints how to repeat what failed.
"""

import os
import random
import secrets

_VARIABLE = "TEST_SEED"


def run_seed() -> str:
    """The seed of this run: the one that was given, else a new one, which the processes that are started now share."""
    return os.environ.setdefault(_VARIABLE, str(secrets.randbelow(10**9)))


def seed_test(nodeid: str) -> None:
    """Let what a test takes from `random` depend on nothing but the seed of the run and the test."""
    random.seed(f"{run_seed()} {nodeid}")


def words() -> str:
    """How what was random is repeated."""
    return f"random seed: {run_seed()} ({_VARIABLE}={run_seed()} repeats it)"
