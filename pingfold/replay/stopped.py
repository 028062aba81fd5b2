"""The Kafka of a Pingfold that is stopped, started for as long as a replay takes.

So everything that was ever applied can be compared while nothing moves, and a snapshot taken between two versions
leaves no event that only the older one could judge. Meanwhile `pingfold up` finds the data folder in use.
"""

import contextlib
import fcntl
import subprocess
import time
from collections.abc import Iterator

from infra.embedded import kafka
from infra.process.lifecycle import end_with_parent
from infra.settings.settings import Settings
from pingfold.addresses import kafka_of
from pingfold.credentials import check_setting
from pingfold.replay.outcome import Tell

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0


@contextlib.contextmanager
def running_kafka(settings: Settings, tell: Tell) -> Iterator[str]:
    """The bootstrap address of a Kafka that runs while the body does.

    Raises `NoCredentials` when the data folder is of a Pingfold with another prefix.
    """
    check_setting(settings)
    bootstrap = kafka_of(settings)
    if settings.kafka_bootstrap_servers:
        yield bootstrap
        return
    with (settings.data / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # Pingfold runs
            yield bootstrap
            return
        if kafka.answers(bootstrap):
            yield bootstrap
            return
        tell(f"Pingfold is stopped: starting Kafka on {bootstrap} meanwhile")
        with _started(settings, bootstrap):
            yield bootstrap


@contextlib.contextmanager
def _started(settings: Settings, bootstrap: str) -> Iterator[None]:
    jars = kafka.install(kafka.default_cache())
    output = settings.data / "run" / "kafka-replay.out"
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as sink:
        process = subprocess.Popen(
            kafka.command(jars, settings.data, settings.kafka_heap),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone, and it is stopped in order
            preexec_fn=end_with_parent,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not kafka.answers(bootstrap):
            if process.poll() is not None or time.monotonic() > deadline:
                raise kafka.KafkaNotReady(f"Kafka did not start within {_START_SECONDS:.0f} s: see {output}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
