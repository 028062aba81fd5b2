"""One running Pingfold and one receiver for all system tests; what it said stands below a test that fails."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.grouping import uses_shared_pingfold
from tests.pingfold_process import Pingfold, Receiver

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
    """Two workers, no rate limit, one channel that takes every event, put on all checks."""
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
    """The shared Pingfold; it works when the test begins, whatever the one before did to it.

    When the next test has no use for it, it is stopped: a Pingfold takes a quarter of a core also when nothing happens.
    """
    request.node.stash[_SAID] = shared_pingfold
    if not shared_pingfold.is_started:
        shared_pingfold.start()
    shared_pingfold.wait_working()
    yield shared_pingfold
    if not request.node.stash[_IS_FOLLOWED]:
        shared_pingfold.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    item.stash[_IS_FOLLOWED] = nextitem is not None and uses_shared_pingfold(nextitem)


@pytest.fixture
def own_pingfold(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Pingfold]:
    """A Pingfold of the test's own, not started."""
    one = Pingfold(tmp_path)
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
