"""The process that answers one question of a web process: read from standard input, answered on standard output.

It gives way to whatever else runs on the machine, and ends when the web process does, or its time is over.
"""

import os
import signal
import sys

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
from processors.fold.epochs import NewerStates
from processors.refold.log import KafkaLog
from processors.refold.snapshots import Damaged
from processors.what_if.alerts import TooManyAlerts

_NICER = 10


def main() -> None:
    """Answer the question, and end."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})  # a web process blocks them
    end_with_parent()
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    signal.alarm(asked.seconds)
    os.nice(_NICER)
    sys.stdout.buffer.write(msgspec.json.encode(_answered(asked)))


def _answered(asked: Asked) -> Answered:
    settings = Settings()
    try:
        log, folder = KafkaLog(kafka_of(settings)), settings.data / "snapshots"
        return Answered(answer(asked.question, log, FOLDS, folder, lambda _read, _total: None, asked.most))
    except TooManyEvents as error:
        return Answered(refused=f"{error}; ask about fewer things, or with `pingfold what-if` on the machine")
    except (NotAnswerable, TooManyAlerts, Damaged) as error:
        return Answered(refused=str(error))
    except (NotRead, NewerStates, KafkaException, TimeoutError) as error:
        return Answered(refused=f"The journals cannot be read now ({error or type(error).__name__})", again=True)


if __name__ == "__main__":
    main()
