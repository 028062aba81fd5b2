"""How the process of a role ends: in one line when the fault says what is wrong, with a traceback for a defect."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_ROLE = """
import sys, threading
from pathlib import Path
import structlog
from infra.log.clients import ClientLost
from infra.process import logs
from pingfold.commands import roles

async def serve(stop):
    stop.started()
    raise {fault}

logs.configure("writer-0")
threading.Thread(target=lambda: structlog.get_logger("x").warning("in.a.thread")).start()
roles.run("writer", "0", serve, dict())
"""


@pytest.mark.parametrize(
    ("fault", "is_plain"),
    [("ClientLost('the Kafka client pingfold-history is lost: fenced')", True), ("ValueError('a defect')", False)],
)
def test_a_client_that_is_lost_ends_its_role_in_one_line(tmp_path: Path, fault: str, is_plain: bool) -> None:
    """As when another writer of the same slot takes its place in the group; the supervisor starts it again."""
    done = subprocess.run(
        [sys.executable, "-c", _ROLE.format(fault=fault)],
        env={"PINGFOLD_DATA": str(tmp_path), "PATH": ""},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == (1 if is_plain else 70)
    in_a_thread, told = (json.loads(line) for line in done.stderr.splitlines())
    assert in_a_thread["role"] == told["role"] == "writer-0"
    assert (told["event"], told["error"]) == ("process.failed", fault.split("'")[1])
    assert ("exception" in told) is not is_plain
