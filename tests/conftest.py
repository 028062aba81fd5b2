"""Fixtures for every test: the real servers, started at most once in a test process, when a test asks for them.

`KAFKA_BOOTSTRAP_SERVERS` and `CLICKHOUSE_URL` make the tests use running servers instead. Tests share the servers, so
each makes topics, groups and tables under names of its own.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.log.cluster import cluster_of
from infra.settings import Settings
from tests.grouping import group
from tests.stack import start_clickhouse, start_kafka


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.pluginmanager.has_plugin("xdist"):
        items[:] = group(items)


@pytest.fixture(scope="session")
def stack_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def kafka_bootstrap(stack_data: Path) -> Iterator[str]:
    """A running Kafka (`infra.log.cluster.Cluster`)."""
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield cluster_of(Settings(), given)
        return
    server = start_kafka(stack_data)
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
