"""One running Pingfold and one receiver for all system tests, and one Pingfold with servers around it for those that
need them; what it said stands below a test that fails."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.equipped_pingfold import Equipped, equipped_pingfold
from tests.grouping import shared_pingfold_of
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

_SAID: pytest.StashKey[Pingfold] = pytest.StashKey()
_IS_FOLLOWED: pytest.StashKey[bool] = pytest.StashKey()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """Takes every webhook of the shared Pingfold and answers 200."""
    one = Receiver()
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def shared_pingfold(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Pingfold]:
    """Two workers, no rate limit, one channel that chooses no events, put on all checks."""
    one = Pingfold(tmp_path_factory.mktemp("pingfold"), workers=2)
    one.start()
    one.channel(receiver.url)
    yield one
    try:
        if one.is_started:
            one.stop()
    finally:
        one.close()


@pytest.fixture
def pingfold(request: pytest.FixtureRequest, shared_pingfold: Pingfold) -> Iterator[Pingfold]:
    """The shared Pingfold; it works when the test begins, whatever the one before did to it."""
    yield from _used(request, shared_pingfold)


@pytest.fixture(scope="session")
def shared_equipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Equipped]:
    """One worker, two regions."""
    with equipped_pingfold(tmp_path_factory.mktemp("equipped")) as one:
        yield one


@pytest.fixture
def equipped(request: pytest.FixtureRequest, shared_equipped: Equipped) -> Iterator[Equipped]:
    """The Pingfold with servers around it; it works when the test begins."""
    for _ in _used(request, shared_equipped.pingfold):
        yield shared_equipped


def _used(request: pytest.FixtureRequest, one: Pingfold) -> Iterator[Pingfold]:
    """A Pingfold at work while the test runs.

    When the next test has no use for it, it is stopped: a Pingfold takes a quarter of a core also when nothing happens.
    """
    request.node.stash[_SAID] = one
    if not one.is_started:
        one.start()
    one.wait_working()
    yield one
    if not request.node.stash[_IS_FOLLOWED]:
        one.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    item.stash[_IS_FOLLOWED] = nextitem is not None and shared_pingfold_of(nextitem) == shared_pingfold_of(item)


@pytest.fixture
def own_pingfold(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Pingfold]:
    """A Pingfold of the test's own, not started. With few partitions: each costs time at every start."""
    one = Pingfold(tmp_path, partitions=4)
    request.node.stash[_SAID] = one
    yield one
    one.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and _SAID in item.stash:
        report.sections.append(("what Pingfold said", item.stash[_SAID].tail(60)))
    return report
