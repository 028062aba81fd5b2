"""Where a process finds Kafka and ClickHouse, and with which login."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.clickhouse.address import Address
from infra.embedded.logins import NoLogin, made_login
from infra.settings.settings import Settings
from pingfold.addresses import NotRunning, clickhouse_of, kafka_of

KAFKA, CLICKHOUSE = 19_092, 18_123


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "ports.json").write_text(json.dumps({"kafka": KAFKA, "clickhouse": CLICKHOUSE}))
    return tmp_path


@pytest.mark.parametrize("told", [True, False])
def test_the_embedded_servers_logins_are_read_from_the_data_folder(data: Path, told: bool) -> None:
    """Also by a role that is told their addresses."""
    given: dict[str, Any] = {
        "kafka_bootstrap_servers": f"127.0.0.1:{KAFKA}",
        "clickhouse_url": f"http://127.0.0.1:{CLICKHOUSE}",
    }
    settings = Settings(_env_file=None, data=data, **(given if told else {}))
    with pytest.raises(NoLogin, match=r"kafka-login\.json cannot be read"):
        kafka_of(settings)
    kafka, clickhouse = made_login(data, "kafka"), made_login(data, "clickhouse")
    cluster, address = kafka_of(settings), Address.parse(clickhouse_of(settings))
    assert cluster == f"127.0.0.1:{KAFKA}"
    assert cluster.security["sasl.password"] == kafka.password
    assert (address.port, address.user, address.password) == (CLICKHOUSE, clickhouse.user, clickhouse.password)
    assert kafka.password not in f"{cluster!r} {cluster} {kafka}"


def test_nothing_is_there_yet(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path)
    for find in (kafka_of, clickhouse_of):
        with pytest.raises(NotRunning, match="start Pingfold there"):
            find(settings)


def test_an_existing_cluster_s_login_is_that_of_the_settings(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": "k1.example:9093",
        "PINGFOLD_KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
        "PINGFOLD_KAFKA_SASL_MECHANISM": "scram-sha-512",
        "PINGFOLD_KAFKA_SASL_USERNAME": "u",
        "PINGFOLD_KAFKA_SASL_PASSWORD": "hush",
        "PINGFOLD_KAFKA_SSL_CA_LOCATION": "/ca.pem",
        "PINGFOLD_KAFKA_SSL_CERTIFICATE_LOCATION": "/own.pem",
        "PINGFOLD_KAFKA_SSL_KEY_LOCATION": "/own.key",
        "PINGFOLD_KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM": "none",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None, data=data)
    assert dict(kafka_of(settings).security) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "u",
        "sasl.password": "hush",
        "ssl.ca.location": "/ca.pem",
        "ssl.certificate.location": "/own.pem",
        "ssl.key.location": "/own.key",
        "ssl.endpoint.identification.algorithm": "none",
    }
    assert "hush" not in repr(settings)


def test_clickhouse_s_login_may_stand_apart_from_its_url(data: Path) -> None:
    url = "https://db.example:8443/monitoring?ca_cert=/ca.pem&client_cert=/own.pem&client_cert_key=/own.key"
    settings = Settings(
        _env_file=None, data=data, clickhouse_url=url, clickhouse_user="u", clickhouse_password="p@/:?#ä"
    )
    address = Address.parse(clickhouse_of(settings))
    assert (address.user, address.password, address.host) == ("u", "p@/:?#ä", "db.example")
    assert (address.ca_cert, address.client_cert, address.client_cert_key) == ("/ca.pem", "/own.pem", "/own.key")
    for wrong in ("https://db.example/?verify=0", "http://db.example/?ca_cert=/ca.pem"):
        with pytest.raises(ValueError, match="ca_cert, client_cert, client_cert_key"):
            Address.parse(wrong)
