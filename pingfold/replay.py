"""`pingfold replay`: fold the journals again from their beginning, in one pure pass; with --verify, compare.

Beside a live system or a stopped one. Taken first: the end of every state topic. The states before that end are whole
transactions, and each partition's own record tells the journal offset applied there; the journals are folded up to just
that offset, and states, transitions and delivery requests must be equal.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import typer

from infra.log.reading import NotRead, Stored, ends_of, read_to_end
from infra.settings import Settings
from pingfold.addresses import kafka_of
from pingfold.folds import FOLDS
from processors.epochs import Versions, epochs_of, versions_of
from processors.fold import EVERY, SAME, Effect, Fold, Record, Session, View
from processors.runtime.loading import load_states
from schemas.base import encode
from schemas.dead_letters import RETRIED_HEADER
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import DEAD_LETTERS, TOPICS, Topic

EQUAL, DIFFERENT, COULD_NOT_RUN = 0, 1, 2
_STEP = 5_000
_SHOWN = 20

# Where and what an effect is, for comparing: topic, partition (of streams that follow their journal), key, bytes.
Written = tuple[str, int, str, bytes]


@dataclass
class Outcome:
    """What a replay found. differences: one line each, the first few."""

    events: int = 0
    states: int = 0
    effects: int = 0
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def replay(settings: Settings, verify: bool, as_json: bool) -> int:
    """Run; returns the exit status."""
    try:
        outcome = run(kafka_of(settings), verify)
    except (NotRead, OSError, RuntimeError) as error:
        typer.echo(f"pingfold replay: could not run: {error}", err=True)
        return COULD_NOT_RUN
    except Exception as error:  # whatever it was, nothing has been compared
        typer.echo(f"pingfold replay: could not run: {type(error).__name__}: {error}", err=True)
        return COULD_NOT_RUN
    status = DIFFERENT if outcome.differences else EQUAL
    if as_json:
        typer.echo(json.dumps({"equal": status == EQUAL, **outcome.__dict__}))
    else:
        for line in [*outcome.notes, *outcome.differences[:_SHOWN]]:
            typer.echo(line)
        more = len(outcome.differences) - _SHOWN
        verdict = "equal" if status == EQUAL else f"different in {len(outcome.differences)} places"
        typer.echo(
            f"{outcome.events} events folded again into {outcome.states} states and {outcome.effects} effects"
            + (f": {verdict}" if verify else "")
            + (f" ({more} more not shown)" if more > 0 else "")
        )
    return status


def run(bootstrap: str, verify: bool) -> Outcome:
    """Fold everything again and compare."""
    outcome = Outcome()
    state_ends = {fold.name: ends_of(bootstrap, fold.states) for fold in FOLDS}
    made: Counter[Written] = Counter()
    journals = {fold.journal.name for fold in FOLDS}
    for fold in FOLDS:
        for partition, end in state_ends[fold.name].items():
            kept = load_states(bootstrap, fold.states, partition, fold.records, end)
            progress = kept.get(PROGRESS_KEY, Progress())
            assert isinstance(progress, Progress)
            _note_versions(fold, partition, progress, outcome)
            session, effects = _refold(bootstrap, fold, partition, progress.applied, outcome)
            if verify:
                _compare_states(fold, partition, kept, dict(session.view.items()), outcome)
                count = len(state_ends[fold.name])
                made.update(record for effect in effects for record in _written(effect, partition, count))
            outcome.states += len(session.view)
            outcome.effects += len(effects)
    if verify:
        _compare_effects(bootstrap, made, journals, outcome)
    return outcome


def _refold(bootstrap: str, fold: Fold, partition: int, applied: int, outcome: Outcome) -> tuple[Session, list[Effect]]:
    session, effects = Session(fold, partition, View(), TZDATA_VERSION), []
    for batch in _batches(read_to_end(bootstrap, fold.journal, {partition: applied + 1})):
        effects += session.step(batch)
        session.view.take_changes()
        outcome.events += len(batch)
    return session, effects


def _batches(records: Iterable[Stored]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for stored in records:
        retried = any(name == RETRIED_HEADER for name, _ in stored.headers or ())
        batch.append(Record(stored.offset, stored.timestamp, stored.key, stored.value, retried))
        if len(batch) == _STEP:
            yield batch
            batch = []
    if batch:
        yield batch


def _note_versions(fold: Fold, partition: int, progress: Progress, outcome: Outcome) -> None:
    now = Versions(fold.version, TZDATA_VERSION)
    for epoch in epochs_of(progress):
        if not now.explains(versions_of(epoch)):
            outcome.notes.append(
                f"{fold.journal}/{partition} was folded from {epoch.offset} on by version {epoch.fold} of the fold, "
                f"time zone data {epoch.tzdata}, schedules {epoch.schedules}; here {', '.join(map(str, now))}"
            )


def _compare_states(fold: Fold, partition: int, kept: dict[str, Any], again: dict[str, Any], outcome: Outcome) -> None:
    for key in sorted(kept.keys() | again.keys()):
        ours, theirs = again.get(key), kept.get(key)
        if ours is None or theirs is None:
            if key != PROGRESS_KEY or theirs is not None:
                missing = "the topic" if theirs is None else "the replay"
                outcome.differences.append(f"{fold.states}/{partition} {key}: not in {missing}")
        elif encode(_without_versions(ours)) != encode(_without_versions(theirs)):
            outcome.differences.append(
                f"{fold.states}/{partition} {key}: replay {encode(ours).decode()} topic {encode(theirs).decode()}"
            )


def _without_versions(record: Any) -> Any:
    """Which versions folded the journal is told in notes; it is no difference by itself."""
    return msgspec.structs.replace(record, epochs=(), fold=0, tzdata="") if isinstance(record, Progress) else record


def _written(effect: Effect, partition: int, partitions: int) -> list[Written]:
    """The records that an effect becomes. `partitions`: of every topic."""
    place = partition if effect.partition == SAME else -1
    written = effect.topic.name, place, effect.key, encode(effect.value)
    return [written] * (partitions if effect.partition == EVERY else 1)


def _compare_effects(bootstrap: str, made: Counter[Written], journals: set[str], outcome: Outcome) -> None:
    """Every effect made again must stand in its topic as often as it was made.

    More may stand there: a live system has gone on, and journals hold what others than folds have appended. So in
    journals and streams only what is missing is a difference.
    """
    wanted: dict[str, Counter[Written]] = {}
    topics: dict[str, Topic] = {}
    by_name = {topic.name: topic for topic in TOPICS}
    for written, count in made.items():
        wanted.setdefault(written[0], Counter())[written] = count
        topics[written[0]] = by_name[written[0]]
    for name, missing in wanted.items():
        topic = topics[name]
        if topic.retention_ms != -1:
            continue  # short-lived: what was written may have gone
        places = name not in journals and topic is not DEAD_LETTERS
        for stored in read_to_end(bootstrap, topic):
            key = (stored.key or b"").decode(errors="replace")
            written = (name, stored.partition if places else -1, key, stored.value or b"")
            if missing.get(written, 0) > 0:
                missing[written] -= 1
        for written, count in missing.items():
            if count > 0:
                outcome.differences.append(f"{name} {written[2]}: {count} x {written[3].decode()} was not written")
