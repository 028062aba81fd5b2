"""What is random in a test can be repeated."""

import random

import pytest

from tests.seeds import run_seed, seed_test, words


def numbers(seed: str, test: str, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    monkeypatch.setenv("TEST_SEED", seed)
    seed_test(test)
    return [random.random() for _ in range(3)]


def test_one_seed_gives_a_test_the_same_numbers_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert numbers("1", "a", monkeypatch) == numbers("1", "a", monkeypatch)
    assert numbers("1", "a", monkeypatch) != numbers("1", "b", monkeypatch)
    assert numbers("1", "a", monkeypatch) != numbers("2", "a", monkeypatch)


def test_a_run_has_one_seed_and_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_SEED", raising=False)
    seed = run_seed()
    assert run_seed() == seed
    assert f"TEST_SEED={seed} repeats it" in words()


def test_this_test_has_been_seeded(request: pytest.FixtureRequest) -> None:
    state = random.getstate()
    seed_test(request.node.nodeid)
    assert random.getstate() == state
