"""Each role inherits what it needs, and of what is secret nothing else."""

import pytest

from infra.settings.settings import Settings
from pingfold.supervisor.environments import SERVERS, environment_of

SECRETS = {
    "PINGFOLD_SECRET_KEY": "vault",
    "PINGFOLD_ADMIN_PASSWORD": "admin",
    "PINGFOLD_METRICS_KEY": "metrics",
    "PINGFOLD_OIDC_CLIENT_SECRET": "provider",
    "PINGFOLD_KEY": "key",
    "PINGFOLD_SMTP_PASSWORD": "smtp",
    "PINGFOLD_HEARTBEAT_URL": "http://heartbeat",
    "PINGFOLD_KAFKA_SASL_PASSWORD": "sasl",
    "PINGFOLD_CLICKHOUSE_PASSWORD": "hush",
    "PINGFOLD_KAFKA_SSL_KEY_PASSWORD": "ssl",
    "CLICKHOUSE_URL": "https://user:clickhouse@db.example:8443/pingfold",
}
OTHERS = {"PATH": "/bin", "PINGFOLD_DATA": "/data", "PINGFOLD_INSTANCE": "i", "KAFKA_BOOTSTRAP_SERVERS": "k:9092"}


@pytest.mark.parametrize(
    ("role", "known"),
    [
        ("kafka", set()),
        ("clickhouse", set()),
        ("web", {"vault", "admin", "metrics", "provider", "sasl", "ssl", "hush", "clickhouse"}),
        ("worker", {"vault", "smtp", "sasl", "ssl"}),
        ("prober", {"vault", "sasl", "ssl"}),
        ("ticker", {"sasl", "ssl"}),
        ("writer", {"sasl", "ssl", "hush", "clickhouse"}),
        ("dns", set()),
    ],
)
def test_a_role_knows_what_it_needs(role: str, known: set[str]) -> None:
    given = environment_of(role, SECRETS | OTHERS)
    words = {"clickhouse" if name == "CLICKHOUSE_URL" else value for name, value in SECRETS.items()}
    assert {word for word in words if any(word in value for value in given.values())} == known
    kept = OTHERS if role not in SERVERS else {n: v for n, v in OTHERS.items() if n != "KAFKA_BOOTSTRAP_SERVERS"}
    assert kept.items() <= given.items()
    if role not in SERVERS:
        assert given["CLICKHOUSE_URL"].endswith("db.example:8443/pingfold")


def test_every_secret_setting_is_among_them() -> None:
    """What is not shown of a setting is secret: whoever adds one says here who needs it."""
    secret = {
        str(field.validation_alias or f"PINGFOLD_{name.upper()}")
        for name, field in Settings.model_fields.items()
        if field.repr is False
    }
    assert secret <= set(SECRETS)
