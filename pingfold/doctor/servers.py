"""Pingfold, its servers, and the address by which the world knows it."""

from collections.abc import Iterator
from typing import Any

import httpx
from confluent_kafka import KafkaException

from infra.availability import clickhouse_answers, kafka_fault
from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouseUnavailable, connect
from infra.embedded.ports import SETTABLE, chosen, is_free
from infra.http_server.listening import CannotListen
from infra.log.admin import admin_client
from infra.process.role_files import supervisor_runs
from infra.secrets.metrics_key import bearer, metrics_key_at_hand
from infra.settings.settings import Settings
from pingfold.addresses import clickhouse_of, kafka_of, what_to_do
from pingfold.credentials import NoCredentials
from pingfold.doctor.findings import Finding, what_and_do
from pingfold.errors import PingfoldError
from pingfold.running_place import Place, local_place, verification
from pingfold.supervisor.claim import CannotStart, check_distinct_ports, check_listeners
from schemas.topics import DEFINITIONS

_PATIENCE_SECONDS = 10.0


def answer_of(url: str, key: str | None = None, local: bool = False) -> dict[str, Any] | str:
    """What a Pingfold at the URL of `/healthz` or `/readyz` answers; in words, why that is not a Pingfold.

    local: it is on this machine, where no proxy of the environment leads, and none is to see the key.
    """
    try:
        # Certificates count: the world checks them, too.
        shown = bearer(key) if key else None
        answer = httpx.get(url, timeout=_PATIENCE_SECONDS, headers=shown, trust_env=not local, verify=verification(url))
        told = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error) or type(error).__name__
    except ValueError:
        return f"status {answer.status_code}, and not what Pingfold answers"
    return told if isinstance(told, dict) and "status" in told else "another program answers there"


def place_of(settings: Settings) -> Place:
    """Where the Pingfold of the data folder is asked; before its first start, where it will listen."""
    try:
        return local_place(settings)
    except NoCredentials:
        return Place(settings.local_url, "the settings")


def running(settings: Settings) -> tuple[bool, list[Finding]]:
    """Whether Pingfold runs here, and what it says of itself."""
    url, origin = place_of(settings)
    told = answer_of(f"{url}/readyz", metrics_key_at_hand(settings), local=True)
    try:
        is_supervised = supervisor_runs(settings.data)
    except OSError as error:
        found = f"whether it runs on {settings.data} is not known: {error.strerror or error}"
        return not isinstance(told, str), [Finding("problem", "Pingfold", found, "mend that, and run this again")]
    if isinstance(told, str) and is_supervised:
        where = f"runs on {settings.data}, and does not answer at {url} yet ({told}; address from {origin})"
        return True, [Finding("warning", "Pingfold", where, "wait; its lines tell what it waits for")]
    if isinstance(told, str):
        found = f"does not answer at {url} ({told}; address from {origin})"
        return False, [Finding("warning", "Pingfold", found, _START)]
    if not ("problems" in told or is_supervised or settings.kafka_bootstrap_servers):
        found = f"another one than that of {settings.data} answers at {url}"
        return False, [
            Finding("warning", "Pingfold", found, "set PINGFOLD_PORT to another port, or PINGFOLD_DATA to its data")
        ]
    findings = [
        Finding(level, one["part"], one["reason"], _SEE) for name, level in _LEVELS for one in told.get(name) or ()
    ]
    if url != settings.local_url:
        found = f"Pingfold listens at {url}, by the settings of this command it would at {settings.local_url}"
        findings.append(Finding("warning", "settings", found, "run this command with the settings of Pingfold"))
    if told["status"] == "ready":
        return True, [Finding("ok", "Pingfold", f"is ready at {url}/"), *findings]
    words = f"answers at {url}/, and is {told['status']}"
    return True, [Finding("problem", "Pingfold", words, "see the lines of this command and of Pingfold"), *findings]


_LEVELS: tuple[tuple[str, Any], ...] = (("problems", "problem"), ("warnings", "warning"))
_START = "start it with `make run`; for one that runs elsewhere `pingfold status` asks PINGFOLD_URL"
_SEE = "docs/operations.md, Monitoring"


def ports(settings: Settings) -> Iterator[Finding]:
    """Whether a Pingfold that does not run could have its ports."""
    faults: list[tuple[str, str]] = []
    try:
        check_distinct_ports(settings)
        check_listeners(settings)
    except CannotListen as error:
        faults.append(what_and_do(str(error)))
    except CannotStart as error:
        faults.append((str(error), ""))
    for name, port in (chosen(settings.data) | _given(settings)).items():
        if not is_free(port):
            setting = f"PINGFOLD_{name.upper()}_PORT"
            do = "stop it" + (f", or set {setting}" if name in SETTABLE else "")
            faults.append((f"port {port} of the embedded {name} is taken by another program", do))
    yield from (Finding("problem", "ports", *fault) for fault in faults)
    if not faults:
        own = [settings.port, *(port for _, port in settings.tls_addresses)]
        told = ", ".join(map(str, dict.fromkeys(own)))
        yield Finding("ok", "ports", f"{told} can be had, and so can those of the embedded servers")


def _given(settings: Settings) -> dict[str, int]:
    """Ports of the embedded servers that settings name."""
    given = {"kafka": settings.kafka_port, "clickhouse": settings.clickhouse_port}
    return {name: port for name, port in given.items() if port}


def kafka(settings: Settings, is_running: bool) -> Iterator[Finding]:
    """Whether Kafka answers and lets us in."""
    if settings.kafka_bootstrap_servers is None and not is_running:
        yield Finding("ok", "Kafka", "is embedded, and starts with Pingfold")
        return
    try:
        cluster = kafka_of(settings)
    except PingfoldError as error:
        yield Finding("problem", "Kafka", str(error), "")
        return
    if fault := kafka_fault(cluster, _PATIENCE_SECONDS):
        yield Finding("problem", "Kafka", f"does not answer at {cluster} ({fault})", what_to_do(settings))
        return
    try:
        found = admin_client(cluster).list_topics(timeout=_PATIENCE_SECONDS)
    except KafkaException as error:
        do = "PINGFOLD_KAFKA_... say how to log in (docs/operations.md, An existing cluster)"
        yield Finding("problem", "Kafka", f"answers at {cluster} and gives no topics ({error.args[0]})", do)
        return
    topic = found.topics.get(f"{settings.kafka_prefix}{DEFINITIONS.name}") or found.topics.get(DEFINITIONS.name)
    state = f"with topics of {len(topic.partitions)} partitions" if topic else "without topics of Pingfold yet"
    yield Finding("ok", "Kafka", f"answers at {cluster}, {state}")


def clickhouse(settings: Settings, is_running: bool) -> Iterator[Finding]:
    """Whether ClickHouse answers and lets us in."""
    if settings.clickhouse_url is None and not is_running:
        yield Finding("ok", "ClickHouse", "is embedded, and starts with Pingfold")
        return
    try:
        address = Address.parse(clickhouse_of(settings))
    except PingfoldError as error:
        yield Finding("problem", "ClickHouse", str(error), "")
        return
    where = f"{address.host}:{address.port}"
    do = "start it, or set CLICKHOUSE_URL to where it is"
    if not clickhouse_answers(address, _PATIENCE_SECONDS):
        yield Finding("problem", "ClickHouse", f"does not answer at {where}", do)
        return
    try:
        client = connect(address, database="default", timeout=_PATIENCE_SECONDS)
        client.query("SELECT 1")
        client.close()
        yield Finding("ok", "ClickHouse", f"answers at {where}")
    except ClickHouseUnavailable as error:
        yield Finding("problem", "ClickHouse", f"answers at {where} and refuses a query ({error})", do)


def public_address(settings: Settings, is_running: bool) -> Iterator[Finding]:
    """Whether the address that people are shown leads to this Pingfold, seen from here."""
    url = place_of(settings).url if is_running else settings.local_url
    if settings.public_url is None:
        here = "it is shown to people, and only this machine can open it"
        do = "set PINGFOLD_BASE_URL when others are to use Pingfold"
        if set(settings.hosts) <= {"127.0.0.1", "localhost", "::1"}:
            yield Finding("ok", "public address", f"{url}: {here}; {do}")
        else:
            yield Finding("ok", "public address", f"{url} ({do})")
        return
    if not is_running:
        yield Finding("ok", "public address", f"{settings.public_url}, to be examined when Pingfold runs")
        return
    told = answer_of(f"{settings.public_url}/healthz")
    own = answer_of(f"{url}/healthz", local=True)
    do = "look at the proxy and DNS, or correct PINGFOLD_BASE_URL (docs/operations.md, The public address)"
    if isinstance(told, str):
        yield Finding("problem", "public address", f"{settings.public_url} does not lead here: {told}", do)
    elif isinstance(own, dict) and told.get("instance") != own.get("instance"):
        yield Finding("problem", "public address", f"another Pingfold answers at {settings.public_url}", do)
    else:
        yield Finding("ok", "public address", f"{settings.public_url} leads here")
