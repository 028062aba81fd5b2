"""An old copy of the journals put under newer states: pings count, it is told, and nobody is accused."""

from pathlib import Path

import msgspec
import pytest

from schemas.topics import DELIVERIES, PINGS, PROBE_RESULTS, PROJECTS, TRANSITIONS
from schemas.transitions import JournalTruncated
from tests.log_copies import keep_logs
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system


def test_an_old_copy_of_the_journals(own_pingfold: Pingfold, tmp_path: Path) -> None:
    pingfold = own_pingfold
    pingfold.start()
    make(pingfold, "early")
    pingfold.stop()
    journals = [topic.name for topic in (PINGS, PROJECTS, PROBE_RESULTS, DELIVERIES)]
    put_back = keep_logs(pingfold.data, journals, pingfold.partitions, tmp_path / "copy")

    # Much happens, and then the journals know nothing of it any more.
    pingfold.start()
    make(pingfold, "late")
    for _ in range(40):
        pingfold.good_ping("early")
        pingfold.good_ping("late")
    wait_until(lambda: counts(pingfold) == {"early": 41, "late": 41}, 90.0, "all pings are counted")
    pingfold.pass_time(pingfold.now)  # in every partition of every journal something has been folded
    pingfold.stop()
    put_back()

    pingfold.start()
    for _ in range(20):
        pingfold.good_ping("early")
        pingfold.good_ping("late")
    wait_until(lambda: counts(pingfold) == {"early": 61, "late": 61}, 90.0, "all pings since are counted")
    pingfold.pass_time(pingfold.now)  # every partition is taken over, and has told what it had to tell
    told = truncations(pingfold)
    assert {one.journal for one in told} == {"pings", "projects", "probe-results", "deliveries"}
    assert all(one.end <= one.applied for one in told)
    gaps = [gap for gap in pingfold.values(TRANSITIONS) if gap.get("cause") == "journal truncated"]
    assert {gap["partition"] for gap in gaps if gap.get("end")} == set(range(pingfold.partitions))
    assert "pingfold_journal_truncated_offset{" in pingfold.get("/metrics").text
    assert "fold.journal_truncated" in pingfold.output.read_text()
    pingfold.wait_ready()  # as soon as each partition has told the time that it stands at

    # It goes on as ever: a check can be made, and after one more start nothing is told again.
    make(pingfold, "new")
    pingfold.stop()
    pingfold.start()
    pingfold.good_ping("new")
    wait_until(lambda: counts(pingfold)["new"] == 2, 90.0, "the new check is counted")
    pingfold.pass_time(pingfold.now)
    assert truncations(pingfold) == told
    assert len({(one.journal, one.partition) for one in told}) == len(told), "each partition tells it at most once"


def make(pingfold: Pingfold, slug: str) -> None:
    """Make a check by its first ping; on a busy machine the verdict may be late, and the ping is to come again."""
    wait_until(lambda: pingfold.ping(slug, params={"create": "1"}).is_success, 60.0, f"{slug} is made", 1.0)


def counts(pingfold: Pingfold) -> dict[str, int]:
    return {check["slug"]: check["n_pings"] for check in pingfold.ask("GET", "/checks/")["checks"]}


def truncations(pingfold: Pingfold) -> list[JournalTruncated]:
    """What every partition of every journal has told, over all starts, in order of journal and partition."""
    values = [value for value in pingfold.values(TRANSITIONS) if value["type"] == "journal.truncated"]
    told = [msgspec.convert(value, JournalTruncated) for value in values]
    return sorted(told, key=lambda one: (one.journal, one.partition, one.applied))
