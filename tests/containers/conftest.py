"""Kafka and ClickHouse as the compose file runs them. Without a Docker engine, or without an image, the tests that need
them are reported as not run (skipped, with the reason), never as passed."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from infra.embedded.logins import Login
from infra.embedded.ports import HOST, free_port
from infra.log.cluster import embedded_cluster
from tests.containers.compose import GIVEN, Service, has_bridge, running, services
from tests.containers.images import OWN, NotToBeHad, connected, image_for


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of the Docker engine."""
    try:
        client = connected()
    except NotToBeHad as error:
        pytest.skip(f"not run: {error}")
    with closing(client):
        yield client


@pytest.fixture(scope="session")
def kafka(engine: Any) -> Iterator[Service]:
    """Its address: a cluster with its login."""
    image, bridged = _image(engine, "kafka"), has_bridge(engine)
    port = free_port()
    # The broker calls itself by the address that it tells its clients: its port is the same inside and outside.
    inside = {9092: port, 9093: free_port(taken=frozenset({port}))}
    with running(image, services()["kafka"], bridged, inside, published={port: port}, more={}) as container:
        login = Login("pingfold", GIVEN["PINGFOLD_KAFKA_SASL_PASSWORD"])
        yield Service(embedded_cluster(f"{HOST}:{port}", login), container)


@pytest.fixture(scope="session")
def clickhouse(engine: Any) -> Iterator[Service]:
    """Its address: a URL with user and password."""
    image, bridged = _image(engine, "clickhouse"), has_bridge(engine)
    service, port = services()["clickhouse"], free_port()
    inside, more = ({}, {}) if bridged else ({8123: port}, {"PINGFOLD_LOOPBACK_PORT": str(port)})
    user, password = service["environment"]["CLICKHOUSE_USER"], service["environment"]["CLICKHOUSE_PASSWORD"]
    with running(image, service, bridged, inside, published={8123: port}, more=more) as container:
        yield Service(f"http://{user}:{password}@{HOST}:{port}/pingfold", container)


def _image(engine: Any, name: str) -> str:
    # The official images listen on ports that cannot all be changed: they need a network of their own.
    official = services()[name]["image"] if has_bridge(engine) else f"{OWN}{name}"
    try:
        return image_for(engine, name, official)
    except NotToBeHad as error:
        pytest.skip(f"not run: no image of {name}: {error}")
