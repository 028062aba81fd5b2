"""One running Pingfold and one receiver for all system tests; what it said stands below a test that fails."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.pingfold_process import Pingfold, Receiver

_SAID: pytest.StashKey[Pingfold] = pytest.StashKey()


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
        one.stop()
    finally:
        one.close()


@pytest.fixture
def pingfold(request: pytest.FixtureRequest, shared_pingfold: Pingfold) -> Pingfold:
    """The shared Pingfold; it works when the test begins, whatever the one before did to it."""
    request.node.stash[_SAID] = shared_pingfold
    shared_pingfold.wait_working()
    return shared_pingfold


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
