"""Every setting of Pingfold, read from environment variables (and nowhere else).

Names are those of the table in docs/operations.md. What listens, public addresses, Kafka and how long things are kept
are parts in modules of their own, since each has something to compute. Roles never read `os.environ` themselves: they
take a `Settings`.
"""

import re
from collections.abc import Callable
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from infra.egress.allowed import Allowed, Network, parse_allowed
from infra.secrets.secret_key import key_bytes
from infra.settings.addresses import AddressSettings
from infra.settings.domain_names import is_within, parse_domain_name
from infra.settings.kafka import KafkaSettings
from infra.settings.nodes import CODE, Node, every_node, read_nodes
from infra.settings.retention import RetentionSettings
from infra.settings.senders import parse_sender
from infra.settings.sign_in import SignInSettings
from infra.settings.sizes import Reserve, parse_reserve
from infra.settings.urls import (
    parse_base_url,
    parse_clickhouse_url,
    parse_mail_host,
)
from infra.settings.written import without_blanks
from schemas.servers import Server, parse_server

LogFormat = Literal["auto", "text", "json"]
RegionName = Annotated[str, Field(pattern=CODE)]
# A server that takes connections, or what this host itself depends on.
ControlTarget = Server | Literal["resolver", "gateway"]

# What `PINGFOLD_PING_BODY_LIMIT=none` still keeps of a body: no limit is announced, but one event must fit in Kafka.
UNANNOUNCED_BODY_LIMIT = 1_000_000

# The name of the database of views.
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
# ClickHouse's own databases.
_OF_CLICKHOUSE = frozenset({"default", "information_schema", "system"})
# IANA's list of the RDAP servers of all registries.
_RDAP_BOOTSTRAP = "https://data.iana.org/rdap/dns.json"

# Asked by probers whether their own network is there.
_CONTROL_TARGETS: tuple[ControlTarget, ...] = ("resolver", "gateway")
_CONTROL_PORT = 443

_DNS_LISTEN: tuple[Server, ...] = (("127.0.0.1", 8053),)


def _reserve(value: object) -> object:
    return parse_reserve(value) if isinstance(value, str) else value


def _control(text: str) -> Server:
    try:
        return parse_server(text, _CONTROL_PORT)
    except ValueError:
        raise ValueError(f"{text} is none of these: resolver, gateway, an IP address such as 192.0.2.1:443") from None


_ADDRESSES: dict[str, Callable[[str], str]] = {
    "url": parse_base_url,
    "smtp_host": parse_mail_host,
    "clickhouse_url": parse_clickhouse_url,
}


class Settings(AddressSettings, KafkaSettings, RetentionSettings, SignInSettings):
    """Settings of one Pingfold process. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="PINGFOLD_", extra="ignore", frozen=True, populate_by_name=True)

    data: Path = Path("data")
    site_name: str = "Pingfold"
    ping_body_limit: Annotated[int | None, Field(ge=0, le=UNANNOUNCED_BODY_LIMIT)] = 100_000
    slugs: Literal["chosen", "from-name"] = "chosen"
    pings_per_minute: int = Field(5, ge=0)
    # Log signals of a check in a minute, bytes of ping bodies of a project in a day, checks that its pings make in an
    # hour; 0 is no limit. Each process counts for itself.
    logs_per_minute: int = Field(60, ge=0)
    bytes_per_day: int = Field(2**30, ge=0)
    new_checks_per_hour: int = Field(1_000, ge=0)
    # Test notifications of a project; 0: no limit.
    test_sends_per_hour: int = Field(30, ge=0)
    private_targets: Annotated[tuple[Allowed, ...], NoDecode] = ()
    # Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; anybody else's are ignored.
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    # Connections that a web process holds at most, of all and of one address (0: no bound of its own); by default an
    # address may have a quarter. Of trusted proxies only the first counts.
    connections: int = Field(16_384, ge=16)
    connections_per_peer: int | None = Field(None, ge=0)
    workers: int = Field(1, ge=1)
    # Where probes come from: every monitor that names no region is probed from all of these in turn. `pingfold up`
    # starts so many probers for each of them.
    regions: Annotated[tuple[RegionName, ...], NoDecode, Field(min_length=1)] = ("local",)
    probers: int = Field(1, ge=0)
    # Addresses and places of the regions, and of hosts that only send: read from a file.
    nodes: Annotated[tuple[Node, ...], NoDecode] = ()
    # The zone of the DNS API, whose server runs where this is set; where it listens; the names of all servers of the
    # zone; and how many answers a network gets in a second over UDP (0: no limit).
    dns_zone: str | None = None
    dns_listen: Annotated[tuple[Server, ...], NoDecode, Field(min_length=1)] = _DNS_LISTEN
    dns_nameservers: Annotated[tuple[str, ...], NoDecode, Field(validate_default=True)] = ()
    dns_answers_per_second: int = Field(50, ge=0)
    # Resolvers that probers ask for the names of targets; none: those of the host.
    resolvers: Annotated[tuple[Server, ...], NoDecode] = ()
    # What probes of http say they are, unless the headers of a monitor do.
    probe_user_agent: str = Field("Pingfold (prober)", pattern=r"^[!-~][ -~]{0,198}[!-~]$")
    # What probers ask to learn whether their own network is there, when a target does not answer.
    control_targets: Annotated[tuple[ControlTarget, ...], NoDecode] = _CONTROL_TARGETS
    # Where probers learn which RDAP server to ask when a domain expires; None: they ask nobody.
    rdap: Annotated[str | None, Field(pattern=r"^https?://[!-~]+$")] = _RDAP_BOOTSTRAP
    # Limits of the PoppaPing API: those of one of its plans, or none.
    plan: Literal["free", "starter", "growth", "pro", "business", "self-hosted"] = "self-hosted"
    test_clock: bool = False
    # What is written to standard error: words for people on a terminal and JSON elsewhere, or always one of both.
    log_format: LogFormat = "auto"
    # Fold on although much of what is read cannot be folded, which is put into dead-letters.
    accept_defects: bool = False
    # Workers compare what they have folded with what others know, since the logs may have lost their ends: after a
    # restored copy, or a power cut. `pingfold up` gives it when its Kafka was not stopped in good order.
    reconcile: bool = False
    partitions: int = Field(8, ge=1, le=1024)
    # The key that encrypts reusable secrets, base64 of 32 bytes; made under `data` when it is not given.
    secret_key: str | None = Field(None, repr=False)
    # Opens the dashboard; without it the one in credentials.json does.
    admin_password: str | None = Field(None, repr=False)
    # Opens /metrics and the details of /readyz; made under `data` when it is not given.
    metrics_key: Annotated[str | None, Field(pattern=r"^[!-~]{16,200}$", repr=False)] = None
    # Admin commands and REST clients started by hand find a running Pingfold by these two.
    url: str | None = None
    key: str | None = Field(None, repr=False)
    # The mail server of e-mail channels; without host and sender there are no such channels. The port is the usual one
    # of the TLS mode when it is not given: 587, 465 or 25.
    smtp_host: str | None = None
    smtp_port: int | None = Field(None, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: str | None = Field(None, repr=False)
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    smtp_from: str | None = None
    # Whether the owner of an address is asked before mail is sent there; for closed installations: off.
    mail_confirmation: Literal["on", "off"] = "on"
    # With less room than this on the disk of the embedded servers, nothing new is taken.
    disk_reserve: Annotated[Reserve, NoDecode, BeforeValidator(_reserve)] = Reserve()
    # Asked so often, while everything makes progress: the address of a check in a second Pingfold.
    heartbeat_url: Annotated[str | None, Field(pattern=r"^https?://[!-~]+$", repr=False)] = None
    heartbeat_seconds: float = Field(20.0, ge=1.0, le=3_600.0)
    # Given by `pingfold up` to its roles: by this it knows whether it is its own web process that answers.
    instance: str | None = None
    # Ports of the embedded servers; 0 picks a free one at the first start and keeps it.
    kafka_port: int = Field(0, ge=0, le=65535)
    clickhouse_port: int = Field(0, ge=0, le=65535)
    # As Java takes it.
    kafka_heap: str = Field(
        "384m", pattern=r"^(?:[1-9][0-9]{7,11}|[1-9][0-9]{4,8}[kK]|[1-9][0-9]{1,4}[mM]|[1-9][0-9]{0,2}[gG])$"
    )
    # Instead of those in CLICKHOUSE_URL, for whoever keeps secrets apart from addresses.
    clickhouse_user: str | None = None
    clickhouse_password: str | None = Field(None, repr=False)
    clickhouse_url: str | None = Field(None, validation_alias="CLICKHOUSE_URL", repr=False)
    # The database of the views for analysts; None: there are none.
    analytics_database: str | None = "analytics"

    @model_validator(mode="before")
    @classmethod
    def _unquoted(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Blanks around a value do not count, and an empty one is as good as none."""
        return without_blanks(values)

    @field_validator("ping_body_limit", mode="before")
    @classmethod
    def _body_limit(cls, value: object) -> object:
        return None if isinstance(value, str) and value.strip().lower() == "none" else value

    @field_validator("rdap", "analytics_database", mode="before")
    @classmethod
    def _bootstrap(cls, value: object) -> object:
        return None if isinstance(value, str) and value.strip().lower() == "none" else value

    @field_validator("analytics_database")
    @classmethod
    def _database(cls, value: str | None) -> str | None:
        if value is not None and not (_DATABASE.match(value) and value.lower() not in _OF_CLICKHOUSE):
            raise ValueError("a name of letters, digits and _ is expected, such as pingfold_analytics, or none")
        return value

    @field_validator("private_targets", mode="before")
    @classmethod
    def _allowed(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(parse_allowed(part.strip()) for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if isinstance(value, str):
            value = "" if value.lower() == "none" else value
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        return value

    @field_validator("resolvers", "dns_listen", mode="before")
    @classmethod
    def _servers(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(parse_server(part.strip(), 53) for part in value.split(",") if part.strip())
        return value

    @field_validator("nodes", mode="before")
    @classmethod
    def _read_nodes(cls, value: object) -> object:
        if isinstance(value, str):
            return read_nodes(Path(value)) if value else ()
        return value

    @field_validator("dns_zone", mode="before")
    @classmethod
    def _zone(cls, value: object) -> object:
        return (parse_domain_name(value) if value else None) if isinstance(value, str) else value

    @field_validator("dns_nameservers", mode="before")
    @classmethod
    def _nameservers(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            value = tuple(parse_domain_name(part) for part in value.split(",") if part.strip())
        zone = info.data.get("dns_zone")
        if zone is not None and isinstance(value, tuple):
            if not value:
                raise ValueError(f"the names of the servers of the zone {zone} are expected, such as ns1.example.org")
            if within := [name for name in value if is_within(name, zone)]:
                raise ValueError(f"names outside of the zone are expected: {within[0]} is within {zone}")
        return value

    @field_validator("control_targets", mode="before")
    @classmethod
    def _controls(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not parts:
            return _CONTROL_TARGETS
        if [part.lower() for part in parts] == ["none"]:
            return ()
        return tuple(
            part.lower() if part.lower() in ("resolver", "gateway") else _control(part) for part in dict.fromkeys(parts)
        )

    @field_validator("regions", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("secret_key")
    @classmethod
    def _key(cls, value: str | None) -> str | None:
        if value is not None:
            key_bytes(value)
        return value

    @field_validator(*_ADDRESSES)
    @classmethod
    def _address(cls, value: str | None, info: ValidationInfo) -> str | None:
        return None if value is None else _ADDRESSES[str(info.field_name)](value)

    @field_validator("smtp_from")
    @classmethod
    def _sender(cls, value: str | None) -> str | None:
        if value is not None:
            parse_sender(value)
        return value

    @cached_property
    def every_node(self) -> dict[str, Node]:
        """All nodes by code: the regions in their order, then the hosts that only send."""
        return every_node(self.regions, self.nodes)

    @cached_property
    def mail_needs(self) -> str | None:
        """The name of a setting without which no mail can be sent; None when nothing is wanting."""
        if self.smtp_host is None:
            return "PINGFOLD_SMTP_HOST"
        return "PINGFOLD_SMTP_FROM" if self.smtp_from is None else None

    @cached_property
    def body_limit(self) -> int:
        """How many bytes of a ping's body are kept, announced or not."""
        return UNANNOUNCED_BODY_LIMIT if self.ping_body_limit is None else self.ping_body_limit
