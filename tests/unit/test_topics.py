"""The registry of topics, what the folds make of it, and what the broker is told."""

import pytest

from infra.log.admin import MAX_MESSAGE_BYTES, topic_config
from infra.log.retention import format_retention, topic_retention
from infra.settings.settings import UNANNOUNCED_BODY_LIMIT, Settings
from pingfold.folds import FOLDS
from processors.fold.contract import Fold
from schemas import topics
from schemas.published import CARRIES, kind_of, types_of
from schemas.ticks import Progress, Tick
from schemas.topics import COMPACTION_LAG_MS, JOURNAL_OF, JOURNALS, TOPICS, Cleanup, Topic

each_topic = pytest.mark.parametrize("topic", TOPICS, ids=str)
each_fold = pytest.mark.parametrize("fold", FOLDS, ids=lambda fold: fold.name)


def test_every_topic_is_in_the_registry_once() -> None:
    declared = [value for value in vars(topics).values() if isinstance(value, Topic)]
    assert sorted(map(str, declared)) == sorted(map(str, TOPICS))
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert set(CARRIES) == set(TOPICS)


def test_state_topics_are_paired_with_the_journals_of_their_folds() -> None:
    assert {fold.states: fold.journal for fold in FOLDS} == JOURNAL_OF
    assert [fold.journal for fold in FOLDS] == list(JOURNALS)
    assert [fold.name for fold in FOLDS] == [journal.fold for journal in JOURNALS]
    assert {topic for topic in TOPICS if kind_of(topic) == "journal"} == set(JOURNALS)
    for journal in JOURNALS:
        assert set(journal.from_folds) <= set(types_of(journal))


def test_constants_are_named_as_their_topics() -> None:
    for constant, value in vars(topics).items():
        if isinstance(value, Topic):
            assert constant == value.name.upper().replace("-", "_")


@each_topic
def test_a_contract_is_sound(topic: Topic) -> None:
    assert topic.key
    assert topic.retention_ms == -1 or topic.retention_ms > 0
    if kind_of(topic) in ("journal", "state"):
        assert topic.retention_ms == -1, "a replay needs every event, and a state stands until it is replaced"


@each_topic
def test_just_the_state_topics_are_compacted(topic: Topic) -> None:
    states = {fold.states for fold in FOLDS}
    assert (topic.cleanup is Cleanup.COMPACT) is (topic in states or topic is topics.KEY_USES)


def test_every_journal_has_one_fold() -> None:
    journals = {topic for topic in TOPICS if kind_of(topic) == "journal"}
    assert sorted(map(str, journals)) == sorted(fold.journal.name for fold in FOLDS)
    assert len({fold.states for fold in FOLDS}) == len(FOLDS)
    assert len({fold.name for fold in FOLDS}) == len(FOLDS)


@each_fold
def test_a_fold_reads_what_its_topics_carry(fold: Fold) -> None:
    assert fold.version >= 1
    assert kind_of(fold.journal) == "journal"
    assert kind_of(fold.states) == "state"
    assert fold.events.type == CARRIES[fold.journal]
    assert fold.records.type == CARRIES[fold.states]
    assert isinstance(fold.events.decode(b'{"type":"tick","slot":"s","epoch":1,"at":1,"now":1}'), Tick)
    assert isinstance(fold.records.decode(b'{"type":"partition"}'), Progress)


@each_topic
def test_the_broker_is_told_the_contract(topic: Topic) -> None:
    config = topic_config(topic)
    assert config["cleanup.policy"] == topic.cleanup.value
    assert config["retention.ms"] == str(topic.retention_ms)
    assert config["segment.bytes"] == str(topic.segment_bytes)
    compacted = topic.cleanup is Cleanup.COMPACT
    assert config.get("min.compaction.lag.ms") == (str(COMPACTION_LAG_MS) if compacted else None)


@each_topic
def test_what_is_loaded_at_a_start_is_bounded(topic: Topic) -> None:
    """The newest segment is never compacted: a start reads all of it."""
    if topic.cleanup is Cleanup.COMPACT:
        config = topic_config(topic)
        assert int(config["segment.bytes"]) <= 16 * 2**20
        assert int(config["max.compaction.lag.ms"]) <= 86_400_000


def test_the_segments_of_what_is_not_kept_are_small_enough_to_go() -> None:
    """A segment is deleted as a whole, and never while it is written."""
    hour = 3_600_000
    for kept, segment in ((-1, 168 * hour), (365 * 24 * hour, 168 * hour), (20 * hour, 2 * hour), (hour, hour // 6)):
        config = topic_config(topics.PINGS, kept)
        assert (config["retention.ms"], config["segment.ms"]) == (str(kept), str(segment))


def test_every_journal_and_stream_has_a_setting_and_keeps_everything_without() -> None:
    kept = topic_retention(Settings())
    assert set(kept) == {topic.name for topic in TOPICS if kind_of(topic) != "state"} - {"decisions", "heartbeats"}
    assert set(kept.values()) == {-1}
    limited = Settings(retention_pings="90d", history_pings="12h")
    assert topic_retention(limited) == kept | {"pings": 90 * 86_400_000}
    assert (
        format_retention(limited) == "retention pings 90d, history pings 12h, history ping-facts 12h; all else forever"
    )
    assert format_retention(Settings()).startswith("everything, forever")


def test_the_largest_ping_fits_into_a_record() -> None:
    in_base64, in_a_dead_letter = 4 / 3, 4 / 3
    assert UNANNOUNCED_BODY_LIMIT * in_base64 * in_a_dead_letter < MAX_MESSAGE_BYTES
    assert all(topic_config(topic)["max.message.bytes"] == str(MAX_MESSAGE_BYTES) for topic in TOPICS)


def test_a_verdict_outlives_the_wait_for_it() -> None:
    assert topics.DECISIONS.retention_ms == 3_600_000


@each_topic
def test_the_broker_stamps_what_others_than_folds_append(topic: Topic) -> None:
    """Their hosts are anywhere, and so are their clocks: the time of the record is what they are compared with."""
    stamped = topic_config(topic).get("message.timestamp.type") == "LogAppendTime"
    assert stamped is (kind_of(topic) == "journal" or topic.name == "heartbeats")
