"""Fixtures for every test: the real servers, started at most once in a test process, when a test asks for them.

`KAFKA_BOOTSTRAP_SERVERS` and `CLICKHOUSE_URL` make the tests use running servers instead. Tests share the servers, so
each makes topics, groups and tables under names of its own.
"""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from infra.log.cluster import cluster_of
from infra.settings.settings import Settings
from tests import seeds
from tests.grouping import longest_first, scheduler, yield_to_others
from tests.stack import NEVER_KILLED, start_clickhouse, start_kafka

# How long an example takes is the machine's doing, and decides nothing. A failure tells how to run it again.
settings.register_profile("pingfold", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
# The same examples in each run, so that the same commit ends the same way. New ones are found by everybody else's runs.
settings.register_profile("fixed", settings.get_profile("pingfold"), derandomize=True)
settings.load_profile(os.environ.get("TEST_EXAMPLES", "pingfold"))


# A JVM of a test lives too briefly for the second compiler to pay: it took a third of what a start of Pingfold costs.
_JAVA = "-XX:TieredStopAtLevel=1"


def pytest_configure() -> None:
    os.environ.setdefault("JAVA_TOOL_OPTIONS", _JAVA)
    seeds.run_seed()
    yield_to_others()


def pytest_report_header() -> str:
    return seeds.words()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    seeds.seed_test(f"{item.nodeid} setup")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    seeds.seed_test(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.append(("what was random", seeds.words()))
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = longest_first(items)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays as long as the run: to look for garbage in it, again and again, took two fifths of it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage: a collection that walks through them would hold up whatever is measured."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return scheduler(config, log)


@pytest.fixture(scope="session")
def stack_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def kafka_bootstrap(stack_data: Path) -> Iterator[str]:
    """A running Kafka (`infra.log.cluster.Cluster`)."""
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield cluster_of(Settings(), given)
        return
    server = start_kafka(stack_data, more=NEVER_KILLED)
    yield server.address
    server.stop()


@pytest.fixture(scope="session")
def clickhouse_url(stack_data: Path) -> Iterator[str]:
    """The URL of a running ClickHouse."""
    if given := os.environ.get("CLICKHOUSE_URL"):
        yield given
        return
    server = start_clickhouse(stack_data)
    yield server.address
    server.stop()
