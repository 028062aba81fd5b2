"""The process that answers one question of a web process: read from standard input, answered on standard output.

It gives way to whatever else runs on the machine, and ends when the web process does, when its time is over, or when it
needs more memory than `MOST_MEMORY`. It makes the JSON that the client gets, so that the web process only hands it on.
"""

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from confluent_kafka import KafkaException

from infra.log.reading import NotRead
from infra.process.lifecycle import end_with_parent
from infra.settings.settings import Settings
from pingfold.addresses import kafka_of
from pingfold.folds import FOLDS
from pingfold.what_if.messages import Answered, Asked
from pingfold.what_if.parts import NotAnswerable
from pingfold.what_if.run import TooManyEvents, answer
from processors.fold.contract import Fold
from processors.fold.epochs import NewerStates
from processors.refold.log import KafkaLog, Log
from processors.refold.snapshots import Damaged
from processors.what_if.alerts import TooManyAlerts
from query_api.what_if.objects import what_if_object

MOST_MEMORY = 1_073_741_824
_NICER = 10
# The kernel ends processes with more points first when memory is short (proc(5), oom_score_adj).
_POINTS = "1000"
_BY_COMMAND = "or with `pingfold what-if` on the machine"


def main() -> None:
    """Answer the question, and end."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})  # a web process blocks them
    end_with_parent()
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    signal.alarm(asked.seconds)
    os.nice(_NICER)
    _bound_memory()
    try:
        settings = Settings()
        answered = answer_to(asked, KafkaLog(kafka_of(settings)), FOLDS, settings.data / "snapshots")
    except MemoryError:
        answered = Answered(
            refused=f"It needs more than {MOST_MEMORY >> 20} MiB of memory: ask about fewer things, try fewer values, "
            f"{_BY_COMMAND}"
        )
    sys.stdout.buffer.write(msgspec.json.encode(answered))


def answer_to(asked: Asked, log: Log, folds: Sequence[Fold], snapshots: Path) -> Answered:
    """The answer as the client gets it, or why there is none. snapshots: their folder."""
    question = asked.question
    try:
        found = answer(question, log, folds, snapshots, lambda _read, _total: None, asked.most)
        return Answered(msgspec.Raw(msgspec.json.encode(what_if_object(question, found))))
    except TooManyEvents as error:
        return Answered(refused=f"{error}; ask about fewer things, {_BY_COMMAND}")
    except (NotAnswerable, TooManyAlerts, Damaged) as error:
        return Answered(refused=str(error))
    except (NotRead, NewerStates, KafkaException, TimeoutError) as error:
        return Answered(refused=f"The journals cannot be read now ({error or type(error).__name__})", again=True)


def _bound_memory() -> None:
    """Have what is beyond the bound fail here, rather than elsewhere on the machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_POINTS, "ascii")


if __name__ == "__main__":
    main()
