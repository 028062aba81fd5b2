"""A Kafka alone, without the rest of Pingfold, for measurements of one part; and single roles beside it."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.processes import module, running, spawn, wait_until
from bench.report import say
from bench.stack import clean_environment
from infra.embedded import kafka
from infra.embedded.ports import HOST, remembered
from infra.log.admin import migrate
from infra.log.cluster import Cluster, embedded_cluster

_START_SECONDS = 60.0


@dataclass(frozen=True)
class Broker:
    """A running Kafka with the topics of Pingfold. `data`: the data folder of the roles started beside it."""

    bootstrap: Cluster
    data: Path
    partitions: int

    @property
    def metrics(self) -> Path:
        return self.data / "run" / "metrics"

    @contextlib.contextmanager
    def role(self, *command: str) -> Iterator[int]:
        """A role of Pingfold, e.g. `worker`, as long as the body runs; its process id. It begins with no figures."""
        self.metrics.mkdir(parents=True, exist_ok=True)
        for file in self.metrics.iterdir():
            file.unlink()
        environment = clean_environment(
            {
                "PINGFOLD_DATA": str(self.data),
                "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
                "PROMETHEUS_MULTIPROC_DIR": str(self.metrics),
                "MALLOC_ARENA_MAX": "2",  # as the supervisor sets it
            }
        )
        output = self.data.parent / f"{command[0]}.out"
        with running(spawn(*module("pingfold", *command), environment=environment, output=output)) as process:
            yield process.pid


@contextlib.contextmanager
def broker(partitions: int = 8, heap: str = "384m") -> Iterator[Broker]:
    """The embedded Kafka in a temporary folder; stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="pingfold-bench-", ignore_cleanup_errors=True) as folder:
        data = Path(folder, "data")
        data.mkdir()
        jars = kafka.install(kafka.default_cache())
        port = remembered(data, "kafka")
        login = kafka.prepare(jars, data, port, remembered(data, "kafka-controller"))
        bootstrap = embedded_cluster(f"{HOST}:{port}", login)
        with running(spawn(*kafka.command(jars, data, heap), output=Path(folder, "kafka.out"))):
            wait_until(lambda: kafka.answers(bootstrap), _START_SECONDS, "Kafka answers")
            count = migrate(bootstrap, partitions)
            say(f"Kafka is ready with {count} partitions")
            yield Broker(bootstrap, data, count)
