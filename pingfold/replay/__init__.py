"""`pingfold replay`: fold the journals again, in one pure pass, and compare with what stands in Kafka.

Beside a live system or a stopped one, whose Kafka is started meanwhile. States and effects must be equal up to the
offsets that are applied when it begins.
"""

import json
import sys

import typer

from infra.log.reading import NotRead
from infra.settings.settings import Settings
from pingfold.addresses import NotRunning
from pingfold.credentials import NoCredentials
from pingfold.folds import FOLDS, FORMER_FOLDS
from pingfold.replay.derived import effect_topics
from pingfold.replay.outcome import COULD_NOT_RUN, EQUAL, Outcome
from pingfold.replay.run import Scope, run
from pingfold.replay.stopped import running_kafka
from processors.fold.epochs import NewerStates
from processors.refold.log import KafkaLog
from processors.refold.snapshots import Damaged

__all__ = ["Scope", "replay", "run"]


def replay(settings: Settings, *, verify: bool, snapshot: bool, unverified: bool, as_json: bool) -> int:
    """Run; returns the exit status. Progress goes to standard error, the outcome to standard output."""
    try:
        with running_kafka(settings, _tell) as bootstrap:
            scope = Scope(KafkaLog(bootstrap), FOLDS, effect_topics(), settings.data / "snapshots", FORMER_FOLDS)
            outcome = run(scope, verify, snapshot, unverified, _tell)
    except (NotRead, NotRunning, NoCredentials, NewerStates, Damaged, OSError, RuntimeError) as error:
        return _could_not_run(str(error))
    except Exception as error:  # whatever it was, nothing has been compared
        return _could_not_run(f"{type(error).__name__}: {error}")
    return tell_outcome(outcome, verify or snapshot, snapshot, as_json)


def tell_outcome(outcome: Outcome, verified: bool, snapshot: bool, as_json: bool) -> int:
    """Print the outcome; the exit status."""
    if as_json:
        typer.echo(json.dumps(outcome.json()))
    else:
        for line in outcome.lines(verified):
            typer.echo(line)
    if snapshot and outcome.written is None:
        advice = "" if outcome.difference_count else "; --unverified writes one all the same"
        typer.echo(f"pingfold replay: no snapshot written: {outcome.verdict}{advice}", err=True)
    # An unverified snapshot was asked for, and written.
    return EQUAL if outcome.written is not None or not verified else outcome.status


def _could_not_run(reason: str) -> int:
    typer.echo(f"pingfold replay: could not run: {reason}", err=True)
    return COULD_NOT_RUN


def _tell(line: str) -> None:
    print(f"pingfold replay: {line}", file=sys.stderr, flush=True)
