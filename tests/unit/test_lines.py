"""The lines of `pingfold up`: one format a stream, whoever speaks."""

import json

from pingfold.supervisor.lines import for_programs, in_words

EVENT = '{"role": "web-0", "event": "key.wrong", "address": "192.0.2.1", "level": "warning", "timestamp": "2026-01-01"}'


def test_elsewhere_than_on_a_terminal_every_line_is_one_json_object() -> None:
    assert for_programs("web-0", EVENT, 0) == EVENT
    assert json.loads(for_programs("web-0", '{"event": "a"}', 0)) == {"event": "a", "role": "web-0"}
    for line in ("is ready", '{"not": "an event"}', "{broken", "[1]", ""):
        told = json.loads(for_programs("kafka-0", line, 1_500_000))
        assert (told["event"], told["role"]) == (line, "kafka-0")
        assert told["timestamp"] == "1970-01-01T00:00:01.500000+00:00"
        assert "\n" not in for_programs("kafka-0", line, 0)


def test_on_a_terminal_events_of_roles_are_words_as_well() -> None:
    assert in_words(EVENT) == "2026-01-01 [warning  ] key.wrong address=192.0.2.1"
    failed = {"event": "ping.failed", "exception": "Traceback:\nValueError: no"}
    assert in_words(json.dumps(failed)).splitlines() == ["ping.failed", "Traceback:", "ValueError: no"]
    assert in_words("is ready") == "is ready"
