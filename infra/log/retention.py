"""The retention of each topic, by the settings.

Journals are kept forever by default, because a replay from the beginning needs every event. State topics have no
retention: a state is kept until a newer one replaces it.
"""

from infra.settings.durations import format_duration
from infra.settings.settings import Settings
from schemas.topics import TOPICS

# A topic without a setting is kept as it says itself.
_TOPICS = {
    name: topic for topic in TOPICS if (name := f"retention_{topic.name.replace('-', '_')}") in Settings.model_fields
}
_HISTORY = "history_"


def topic_retention(settings: Settings) -> dict[str, int]:
    """The milliseconds for which each topic that a setting speaks of keeps its records; -1: for ever."""
    kept = {topic.name: getattr(settings, field) for field, topic in _TOPICS.items()}
    return {name: -1 if seconds is None else seconds * 1_000 for name, seconds in kept.items()}


def format_retention(settings: Settings) -> str:
    """What is not kept for ever, for people."""
    fields = [name for name in type(settings).model_fields if name in _TOPICS or name.startswith(_HISTORY)]
    limited = [(name, seconds) for name in fields if (seconds := getattr(settings, name)) is not None]
    told = [f"{name.replace('_', ' ', 1).replace('_', '-')} {format_duration(seconds)}" for name, seconds in limited]
    return f"{', '.join(told)}; all else forever" if told else "everything, forever (docs/operations.md, Disk)"
