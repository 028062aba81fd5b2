"""How long journals in Kafka and history in ClickHouse are kept: a part of `infra.settings.settings.Settings`."""

from typing import Annotated, Self

from pydantic import BeforeValidator, model_validator
from pydantic_settings import BaseSettings

from infra.settings.durations import parse_duration

# Shorter than this, a restart of a role would already lose events that it has not read.
_SHORTEST_RETENTION = 3_600


def _retention(value: object) -> object:
    if not isinstance(value, str):
        return value
    seconds = parse_duration(value) if value.strip() else None
    if seconds is not None and seconds < _SHORTEST_RETENTION:
        raise ValueError("at least 1h is expected: what is deleted sooner may not have been read yet")
    return seconds


# Seconds, or None: keep for ever.
Retention = Annotated[int | None, BeforeValidator(_retention)]

# Tables of history that are kept as long as others, unless they have a setting themselves.
_KEPT_AS = {
    "history_ping_facts": "history_pings",
    "history_incidents": "history_transitions",
    "history_gaps": "history_transitions",
    "history_validity": "history_transitions",
    "history_hours": "history_roll_ups",
    "history_days": "history_roll_ups",
    "history_months": "history_roll_ups",
}


class RetentionSettings(BaseSettings):
    """Seconds; None: for ever."""

    # How long each journal and stream in Kafka is kept. A replay from the beginning needs the journals for ever.
    retention_projects: Retention = None
    retention_pings: Retention = None
    retention_probe_results: Retention = None
    retention_deliveries: Retention = None
    retention_transitions: Retention = None
    retention_dead_letters: Retention = None
    # How long history in ClickHouse is kept: rows of each kind, and what is rolled up from them by hour, day and month.
    history_pings: Retention = None
    history_ping_bodies: Retention = None
    history_ping_facts: Retention = None  # by history_pings
    history_probes: Retention = None
    history_transitions: Retention = None
    history_incidents: Retention = None  # by history_transitions, as the next two
    history_gaps: Retention = None
    history_validity: Retention = None
    history_deliveries: Retention = None
    history_roll_ups: Retention = None
    history_hours: Retention = None  # by history_roll_ups, as the next two
    history_days: Retention = None
    history_months: Retention = None
    history_audit: Retention = None
    history_lost_records: Retention = None

    @model_validator(mode="after")
    def _kept_as_others(self) -> Self:
        for own, other in _KEPT_AS.items():
            if own not in self.model_fields_set:
                self.__dict__[own] = getattr(self, other)  # frozen for everybody else
        return self
