"""The folder of figures lies in memory where that is possible, and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, multiprocess

from pingfold import metrics_folder


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder


def test_it_lies_in_memory_and_is_removed(tmp_path: Path, memory: Path) -> None:
    folder = tmp_path / "metrics"
    metrics_folder.make(folder, memory)
    (folder / "counter_1.db").write_text("of a run that was killed")
    (place,) = memory.iterdir()
    assert folder.resolve() == place
    assert place.stat().st_mode & 0o777 == 0o700
    metrics_folder.make(folder, memory)
    assert list(folder.iterdir()) == []
    metrics_folder.remove(folder, memory)
    assert list(memory.iterdir()) == []
    assert not folder.is_symlink()


def test_two_installations_share_nothing(tmp_path: Path, memory: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        metrics_folder.make(tmp_path / name / "metrics", memory)
    assert len(list(memory.iterdir())) == 2


def test_what_killed_runs_left_behind_is_removed_at_the_start_of_any_and_nothing_else(
    tmp_path: Path, memory: Path
) -> None:
    """A living process holds its folder, a killed one does not; of older versions nobody can tell."""
    (tmp_path / "other" / "run").mkdir(parents=True)
    code = (
        "import sys, pathlib; from pingfold import metrics_folder; "
        "metrics_folder.make(*map(pathlib.Path, sys.argv[1:])); print(flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "other" / "run" / "metrics"), str(memory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdin is not None
    assert other.stdout is not None
    with other.stdin, other.stdout:
        other.stdout.readline()
        (theirs,) = memory.iterdir()
        (theirs / "counter_1.db").touch()
        older = memory / f"pingfold-{os.geteuid()}-0123456789abcdef"
        older.mkdir()
        folder = tmp_path / "metrics"
        metrics_folder.make(folder, memory)
        assert (theirs / "counter_1.db").exists()
        other.kill()
        other.wait(30)
        metrics_folder.make(folder, memory)
    assert sorted(memory.iterdir()) == sorted([older, folder.resolve()])
    metrics_folder.remove(folder, memory)


@pytest.mark.parametrize("is_taken", [False, True])
def test_elsewhere_it_is_a_plain_folder(tmp_path: Path, memory: Path, is_taken: bool) -> None:
    """Where there is no shared memory; and where somebody has laid a link in our way, which is not followed."""
    folder, elsewhere = tmp_path / "metrics", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    metrics_folder.make(folder, memory)
    (place,) = memory.iterdir()
    metrics_folder.remove(folder, memory)
    if is_taken:
        place.symlink_to(elsewhere)
    else:
        memory = tmp_path / "nowhere"
    metrics_folder.make(folder, memory)
    assert folder.is_dir()
    assert not folder.is_symlink()
    metrics_folder.remove(folder, memory)
    assert (elsewhere / "precious").exists()
    assert not folder.exists()


_ROLE = """
import sys
from prometheus_client import Counter, Gauge, Histogram
Counter("taken", "...", ["kind"]).labels("a").inc(3)
Histogram("lasted", "...", buckets=(1, 2)).observe(1.5)
Gauge("in_flight", "...", multiprocess_mode="livesum").set(7)
Gauge("reached", "...", multiprocess_mode="mostrecent").set(float(sys.argv[1]))
"""


def test_the_files_of_processes_that_ended_do_not_pile_up(tmp_path: Path) -> None:
    for number in range(1, 6):
        process = subprocess.Popen(
            [sys.executable, "-c", _ROLE, str(number)], env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        )
        assert process.wait(30) == 0
        assert len(list(tmp_path.iterdir())) > 0
        metrics_folder.add_up(tmp_path, process.pid)
        assert len(list(tmp_path.iterdir())) == 3
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, str(tmp_path))  # type: ignore[no-untyped-call]
    assert registry.get_sample_value("taken_total", {"kind": "a"}) == 15
    assert registry.get_sample_value("lasted_bucket", {"le": "2.0"}) == 5
    assert registry.get_sample_value("lasted_sum") == 7.5
    assert registry.get_sample_value("reached") == 5
    assert registry.get_sample_value("in_flight") is None


def test_a_file_that_was_cut_short_ends_nobody(tmp_path: Path) -> None:
    (tmp_path / "counter_7.db").write_bytes(b"")
    metrics_folder.add_up(tmp_path, 7)
    metrics_folder.add_up(tmp_path, 8)
