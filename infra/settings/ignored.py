"""Warnings about settings that are set but have no effect, printed at the start. Pure."""

from infra.settings.settings import Settings

_MAIL = ("smtp_from", "smtp_user", "smtp_password", "smtp_port")


def ignored_settings(settings: Settings) -> list[str]:
    """A line for each, with what is missing."""
    lines = []
    given = [f"PINGFOLD_{name.upper()}" for name in _MAIL if getattr(settings, name) is not None]
    if settings.smtp_host is not None and settings.smtp_from is None:
        lines.append("PINGFOLD_SMTP_HOST is set and PINGFOLD_SMTP_FROM is not: no e-mail can be sent")
    elif settings.smtp_host is None and given:
        lines.append(f"{given[0]} is set and PINGFOLD_SMTP_HOST is not: no e-mail can be sent")
    elif settings.mail_needs is None and settings.public_url is None and settings.mail_confirmation == "on":
        lines.append(
            "PINGFOLD_SMTP_HOST is set and PINGFOLD_BASE_URL is not: recipients are asked to confirm by a link to "
            f"{settings.base_url}, which they must be able to open (PINGFOLD_MAIL_CONFIRMATION=off asks nobody)"
        )
    if (settings.smtp_user is None) != (settings.smtp_password is None):
        there, missing = ("USER", "PASSWORD") if settings.smtp_password is None else ("PASSWORD", "USER")
        lines.append(
            f"PINGFOLD_SMTP_{there} is set and PINGFOLD_SMTP_{missing} is not: nobody logs in to the mail server"
        )
    if settings.dns_zone is not None and not settings.nodes:
        lines.append("PINGFOLD_DNS_ZONE is set and PINGFOLD_NODES is not: the zone has no address")
    elif settings.dns_zone is None and settings.dns_nameservers:
        lines.append("PINGFOLD_DNS_NAMESERVERS is set and PINGFOLD_DNS_ZONE is not: there is no DNS server")
    elsewhere = {"KAFKA_BOOTSTRAP_SERVERS": ("kafka_port", "kafka_heap"), "CLICKHOUSE_URL": ("clickhouse_port",)}
    for server, names in elsewhere.items():
        for name in names:
            if getattr(settings, server.lower()) is not None and name in settings.model_fields_set:
                lines.append(f"PINGFOLD_{name.upper()} is of the embedded server, and {server} names another one")
    if settings.clickhouse_url is None and settings.analytics_database not in (None, "analytics"):
        lines.append(
            f"PINGFOLD_ANALYTICS_DATABASE is {settings.analytics_database} and CLICKHOUSE_URL is not set: the login of "
            "analysts at the embedded ClickHouse reads the database analytics only"
        )
    return [*lines, *_ignored_logins(settings)]


def _ignored_logins(settings: Settings) -> list[str]:
    """What is said of how to log in to Kafka, and does nothing."""
    given = settings.kafka_security
    names = {name: f"PINGFOLD_KAFKA_{name.replace('.', '_').upper()}" for name in given}
    if given and settings.kafka_bootstrap_servers is None:
        first = next(iter(names.values()))
        return [f"{first} is set and KAFKA_BOOTSTRAP_SERVERS is not: the embedded Kafka has a login of its own"]
    protocol = given.get("security.protocol", "PLAINTEXT")
    lines = []
    for kind, works, wanted in (
        ("sasl.", protocol.startswith("SASL_"), "sasl_plaintext or sasl_ssl: nobody logs in"),
        ("ssl.", protocol.endswith("SSL"), "ssl or sasl_ssl: nothing is encrypted"),
    ):
        if not works and (useless := [name for name in names if name.startswith(kind)]):
            lines.append(f"{names[useless[0]]} is set and PINGFOLD_KAFKA_SECURITY_PROTOCOL is not {wanted}")
    return lines


def fixed_partitions(settings: Settings, count: int) -> str | None:
    """What is said when another partition count is set than the deployment has."""
    if "partitions" not in settings.model_fields_set or settings.partitions == count:
        return None
    return (
        f"PINGFOLD_PARTITIONS={settings.partitions} has no effect: this deployment was made with {count} partitions, "
        "which can never change"
    )
