"""The disk fills up under load, on a small file system of its own, while every role runs: nothing acknowledged is lost,
nothing is corrupt, and everything goes on by itself when there is room.
"""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.topics import TRANSITIONS
from tests.counting import assert_counted_once, make_checks
from tests.ping_load import Load
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system

MIB = 2**20
_DISK = 700 * MIB
_RESERVE = 100 * MIB
# Everything goes on so soon after there is room, on a machine that starts Pingfold in this time; on a slower one later.
_AGAIN_SECONDS, _START_SECONDS = 30.0, 15.0

# What ends and begins while there is room again.
_TOLD = re.compile(r"starting it again|fold\.(unsettled|fault|fenced)|^pingfold")


class Small(Pingfold):
    """again: seconds after which everything must have gone on. took: those of the first start."""

    again = _AGAIN_SECONDS
    took = 0.0


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A small file system in memory at `folder`; the test is not run where nobody may mount one."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "pingfold-test", str(folder)], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"not run: no file system can be mounted here ({done.stderr.strip()})")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def on_small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A Pingfold with all its data on the small file system."""
    folder = tmp_path_factory.mktemp("small")
    with mounted(folder / "data"):
        one = Small(folder, partitions=4, settings={"PINGFOLD_DISK_RESERVE": str(_RESERVE)})
        try:
            one.took = one.start()
            one.again = _AGAIN_SECONDS * max(1.0, one.took / _START_SECONDS)
            yield one
        finally:
            one.close()


@pytest.fixture
def small(on_small_disk: Small) -> Iterator[Small]:
    """The same, with room on its disk when the test begins and when it has ended."""
    on_small_disk.wait_ready(2 * on_small_disk.again)
    yield on_small_disk
    (on_small_disk.data / "ballast").unlink(missing_ok=True)


def free(pingfold: Pingfold) -> int:
    found = os.statvfs(pingfold.data)
    return found.f_bavail * found.f_frsize


def leave_free(pingfold: Pingfold, left: int) -> None:
    """Fill the disk with a file until so little is free."""
    with (pingfold.data / "ballast").open("ab") as ballast, contextlib.suppress(OSError):
        while (size := free(pingfold) - left) > 0:
            os.posix_fallocate(ballast.fileno(), os.fstat(ballast.fileno()).st_size, min(size, 16 * MIB))


def make_room(pingfold: Pingfold) -> None:
    (pingfold.data / "ballast").unlink()


def refused(load: Load) -> int:
    return sum(map(len, load.refused.values()))


def not_taken(load: Load) -> int:
    return refused(load) + sum(map(len, load.unknown.values()))


def test_a_disk_that_fills_up_refuses_and_goes_on_by_itself(small: Small) -> None:
    checks = make_checks(small, "full-disk", 4)
    pids = small.pids()
    with Load(small, checks) as load:
        load.wait_for(10)
        leave_free(small, _RESERVE * 3 // 4)
        wait_until(lambda: refused(load) > 50, 20.0, "pings are refused")
        answer = small.ping(checks[0])
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert "disk is full" in answer.text
        assert "disk of this Pingfold is full" in small.api("POST", "/checks/", {"name": "new"}).text
        assert small.check(checks[0])["uuid"] == checks[0]
        wait_until(lambda: small.get("/readyz").status_code == 503, 20.0, "/readyz has looked again")
        assert small.get("/readyz").json()["disk"]["level"] == "full"
        assert "\npingfold_disk_reserve_bytes 1.048576e+08\n" in small.get("/metrics").text
        taken = load.total
        small.pass_time(small.now, timeout=60.0)  # time goes on
        assert load.total == taken
        make_room(small)
        wait_until(lambda: small.get("/readyz").status_code == 200, small.again, "it is ready again")
        load.wait_for(10, timeout=small.again)
    assert small.pids() == pids, "no process has ended"
    small.wait_working()
    assert_counted_once(small, load)
    assert all(small.pings(check) for check in checks)
    gaps = [told["cause"] for told in small.values(TRANSITIONS) if told["type"] == "gap"]
    assert "refused" in gaps
    small.verify()


def test_a_disk_without_any_room_at_all_breaks_nothing(small: Small, capsys: pytest.CaptureFixture[str]) -> None:
    checks = make_checks(small, "no-room", 4)
    with Load(small, checks) as load:
        load.wait_for(10)
        leave_free(small, 0)
        wait_until(lambda: not_taken(load) > 50, 60.0, "pings are not taken")
        taken = load.total
        for goal in range(100, 1_000, 100):  # whatever ends or starts meets a full disk
            leave_free(small, 0)
            wait_until(lambda goal=goal: not_taken(load) > goal, 60.0, "pings are not taken")  # type: ignore[misc]
        assert load.total == taken
        before, made = len(small.said()), time.monotonic()
        make_room(small)
        wait_until(lambda: load.total > taken, 2 * small.again, "pings are taken again")
        pings_after = time.monotonic() - made
        # The broker has ended in the midst of transactions: what became of a commit that was under way is looked up.
        wait_until(lambda: small.answers("/readyz"), 2 * small.again, "it is ready again")
        ready_after = time.monotonic() - made
        load.wait_for(10, timeout=small.again)
    small.wait_working()
    assert_counted_once(small, load)
    figures = f"until pings were taken {pings_after:.1f}, until all was well {ready_after:.1f}"
    with capsys.disabled():
        print(f"\nseconds {figures} (a first start took {small.took:.1f}); meanwhile:")
        print("\n".join(line for line in small.said()[before:].splitlines() if _TOLD.search(line)))
    assert all(small.pings(check) for check in checks)
    small.verify()
