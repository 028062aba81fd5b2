"""Whether the embedded broker's logs may have lost their ends is seen by the mark that it leaves at a clean stop."""

from pathlib import Path

from infra.embedded.kafka import may_have_lost_ends


def test_a_broker_that_never_ran(tmp_path: Path) -> None:
    assert not may_have_lost_ends(tmp_path)
    (tmp_path / "kafka" / "log").mkdir(parents=True)
    assert not may_have_lost_ends(tmp_path)


def test_a_broker_that_was_stopped_in_good_order_or_not(tmp_path: Path) -> None:
    logs = tmp_path / "kafka" / "log"
    (logs / "pings-0").mkdir(parents=True)
    assert may_have_lost_ends(tmp_path)
    (logs / ".kafka_cleanshutdown").touch()
    assert not may_have_lost_ends(tmp_path)
