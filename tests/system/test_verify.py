"""After all that the other tests have done to one Pingfold (DESIGN section 9, statement 2). Comes last by its name."""

import json

import pytest

from infra.log.partitioner import partition_of
from schemas.topics import CHECK_STATES
from tests.pingfold_process import Pingfold
from tests.system.test_monitors import call

pytestmark = pytest.mark.system


def test_all_of_it_is_equal_to_one_pure_pass(pingfold: Pingfold) -> None:
    """Statement 2: kills, gaps, restarts and bad events included, `replay --verify` finds nothing different.

    Nor in what every partition is told.
    """
    pingfold.create("one-more")
    call(pingfold, "POST", "/maintenance-windows", {"name": "w", "schedule": "0 2 * * 0", "duration_minutes": 5})
    pingfold.verify()


def test_verify_sees_what_is_different(pingfold: Pingfold) -> None:
    """Statement 2: a state that no fold has made is found. Last of all, since it damages the states."""
    check = pingfold.create("forged")
    (state,) = [one for one in pingfold.values(CHECK_STATES, check) if one["type"] == "check-state"]
    pingfold.produce(
        CHECK_STATES,
        [(check.encode(), json.dumps(state | {"pings": 7}).encode())],
        partition_of(check.encode(), pingfold.partitions),
    )
    done = pingfold.command("replay", "--verify", "--json")
    assert done.returncode == 1, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["equal"] is False
    assert len(outcome["differences"]) == 1
    assert check in outcome["differences"][0]
