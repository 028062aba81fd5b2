"""The services of infra/compose/docker-compose.yml as containers of a test: same settings, other ports.

Where the engine has a bridge network a container's port is published on loopback, as the compose file does; where it
has none (an engine started with `--bridge=none`) the container shares the host's network and listens on loopback.
"""

import re
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from docker.types import Ulimit
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from infra.embedded.ports import HOST

COMPOSE = Path(__file__).resolve().parents[2] / "infra/compose/docker-compose.yml"
# What the compose file wants from the environment. No digits: ports are exchanged in its texts.
GIVEN = {
    "PINGFOLD_KAFKA_SASL_PASSWORD": "of-kafka-in-a-test",
    "PINGFOLD_CLICKHOUSE_PASSWORD": "of-clickhouse-in-a-test",
}
_ASKED = re.compile(r"\$\{(\w+)(?::\?[^}]*)?\}")
_HEALTHY_SECONDS = 120
_SECOND = 1_000_000_000  # Docker counts in nanoseconds

# The reaper is one more image to pull; each container is removed by the fixture that started it.
testcontainers_config.ryuk_disabled = True


class Service(NamedTuple):
    """One that runs: where clients find it, and in what."""

    address: str
    container: DockerContainer


def services() -> dict[str, dict[str, Any]]:
    """What the compose file says, by the names of the services, with `GIVEN` put in where it asks for it."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    for service in found.values():
        written = service["environment"].items()
        service["environment"] = {
            name: _ASKED.sub(lambda asked: GIVEN[asked[1]], str(value)) for name, value in written
        }
    return found


def _given(asked: "re.Match[str]") -> str:
    return GIVEN[asked[1]]


def has_bridge(client: Any) -> bool:
    """Whether containers of this engine can have a network of their own, with published ports."""
    return any(network.name == "bridge" for network in client.networks.list())


@contextmanager
def running(
    image: str,
    service: dict[str, Any],
    bridged: bool,
    inside: Mapping[int, int],
    published: Mapping[int, int],
    more: Mapping[str, str],
) -> Iterator[DockerContainer]:
    """The service on `image`, healthy as its own health check says.

    `inside` are the ports in its settings and what they are changed to, `published` the ports of the container and
    those of loopback that lead to them, `more` settings beside those of the compose file. Raises `AssertionError`, with
    what the container printed, when it ends or is not healthy in time.
    """

    def moved(text: object) -> str:
        changed = str(text)
        for old, new in inside.items():
            changed = changed.replace(str(old), str(new))
        return changed if bridged else changed.replace("://:", f"://{HOST}:")

    # An engine without the right to raise limits (one in a container, say) cannot give more than it has.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits = {name: min(n, most) if most >= 0 else n for name, n in service.get("ulimits", {}).items()}
    check = service["healthcheck"]
    container = DockerContainer(
        image,
        labels={"pingfold": "test"},
        ulimits=[Ulimit(name=name, soft=n, hard=n) for name, n in limits.items()],
        healthcheck={
            "test": [moved(part) for part in check["test"]],
            "interval": _SECOND // 2,
            "timeout": _seconds(check["timeout"]) * _SECOND,
            "retries": 2 * _HEALTHY_SECONDS,
        },
        **({} if bridged else {"network_mode": "host"}),
    )
    for name, value in service["environment"].items():
        container.with_env(name, moved(value))
    for name, value in more.items():
        container.with_env(name, value)
    if bridged:
        container.ports |= {f"{port}/tcp": (HOST, on_host) for port, on_host in published.items()}
    with container:
        wait_until_healthy(container)
        yield container


def wait_until_healthy(container: DockerContainer) -> None:
    """Raises `AssertionError` when it ends or is not healthy in time."""
    wrapped, deadline = container.get_wrapped_container(), time.monotonic() + _HEALTHY_SECONDS
    while True:
        wrapped.reload()
        state = wrapped.attrs["State"]
        if state["Health"]["Status"] == "healthy":
            return
        assert state["Running"], f"the container ended: {_said(container)}"
        assert time.monotonic() < deadline, f"not healthy: {state['Health']}: {_said(container)}"
        time.sleep(0.2)


def restart(container: DockerContainer, service: dict[str, Any]) -> int:
    """Stop it as `docker compose stop` does and start it again on what it has kept; the exit status that it had."""
    wrapped = container.get_wrapped_container()
    wrapped.stop(timeout=_seconds(service["stop_grace_period"]))
    status = int(wrapped.wait(timeout=_seconds(service["stop_grace_period"]))["StatusCode"])
    wrapped.start()
    wait_until_healthy(container)
    return status


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def _said(container: DockerContainer) -> str:
    output, errors = container.get_logs()
    return str((output + errors).decode(errors="replace"))[-3000:]
