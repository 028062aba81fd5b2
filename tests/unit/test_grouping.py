"""Which tests are handed out together, in which order, and to whom."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.grouping import choose, group_of, takes_of
from tests.source_tree import ROOT

SYSTEM = """
pytestmark = pytest.mark.system
def test_shared(pingfold: Pingfold, receiver: Receiver) -> None: ...
def test_own(own_pingfold: Pingfold) -> None: ...
async def test_long(
    receiver: Receiver,
    pingfold: Pingfold,
) -> None: ...
def test_mail(equipped: Equipped, gone: Receiver) -> None: ...
def test_neither(tmp_path: Path) -> None: ...
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    texts = {
        "system": SYSTEM,
        "contract": "pytest.param('kafka', marks=pytest.mark.stack)",
        "containers": "pytestmark = pytest.mark.docker",
        "unit": "def test_a() -> None: ...",
        "property": "from tests.source_tree import ROOT, modules\ndef test_a() -> None: ...",
    }
    for folder, text in texts.items():
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / "test_x.py").write_text(text)
    return tmp_path


def test_files_that_read_the_source_are_one_group(root: Path) -> None:
    assert group_of("tests/property/test_x.py::test_a", root) == "the source"
    assert group_of("tests/unit/test_x.py::test_a", root) == "tests/unit/test_x.py"
    assert choose(["the source"], "no servers first", root) == "the source"


@pytest.mark.parametrize(
    ("test", "group"),
    [
        ("test_shared", "the shared Pingfold"),
        ("test_long", "the shared Pingfold"),
        ("test_mail", "the equipped Pingfold"),
        ("test_own", "tests/system/test_x.py::test_own"),
        ("test_own[a-b::c]", "tests/system/test_x.py::test_own"),
        ("test_neither", "tests/system/test_x.py"),
        ("TestClass::test_method", "tests/system/test_x.py"),
    ],
)
def test_tests_of_one_pingfold_are_a_group_and_others_those_of_a_file(root: Path, test: str, group: str) -> None:
    assert group_of(f"tests/system/test_x.py::{test}", root) == group


UNIT, CONTAINERS, CONTRACT, SYSTEM_OWN = (
    "tests/unit/test_x.py",
    "tests/containers/test_x.py",
    "tests/contract/test_x.py",
    "tests/system/test_x.py::test_own",
)


def test_the_helper_begins_with_what_needs_no_servers(root: Path) -> None:
    left = ["the shared Pingfold", SYSTEM_OWN, CONTRACT, CONTAINERS, UNIT]
    assert choose(left, "no servers first", root) == CONTAINERS
    assert choose([CONTRACT, UNIT], "no servers first", root) == UNIT
    assert choose(left[:3], "no servers first", root) == CONTRACT
    assert choose(left[:2], "no servers first", root) is None, "two processes run a whole Pingfold, and no more"
    assert choose([], "no servers first", root) is None


def test_the_others_begin_with_what_needs_servers(root: Path) -> None:
    assert choose([CONTAINERS, UNIT, "the shared Pingfold"], "all", root) == "the shared Pingfold"
    assert choose([CONTRACT, UNIT, SYSTEM_OWN], "all", root) == SYSTEM_OWN, "only they can take it"
    assert choose([UNIT, CONTRACT], "all", root) == CONTRACT
    assert choose([UNIT], "all", root) == UNIT
    assert choose([], "all", root) is None


def test_beside_the_two_with_a_pingfold_one_runs_what_needs_none(root: Path) -> None:
    left = ["the shared Pingfold", SYSTEM_OWN, UNIT, CONTRACT]
    assert choose(left, "no Pingfold", root) == CONTRACT
    assert choose(left[:3], "no Pingfold", root) == UNIT
    assert choose(left[:2], "no Pingfold", root) is None
    assert choose([], "no Pingfold", root) is None


def test_two_processes_take_all_and_the_last_of_more_helps() -> None:
    assert [takes_of(f"gw{number}", 2) for number in range(3)] == ["all"] * 3
    assert [takes_of(f"gw{number}", 3) for number in range(4)] == ["all", "all", "no servers first", "all"]
    assert [takes_of(f"gw{number}", 4) for number in range(5)] == [
        "all",
        "all",
        "no Pingfold",
        "no servers first",
        "all",
    ]


HANGS = """
import time
def test_before() -> None: ...
def test_that_hangs() -> None: time.sleep(600)
def test_after() -> None: ...
"""


def test_a_test_that_hangs_is_cut_off_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfaulthandler_timeout = 5\nfaulthandler_exit_on_timeout = true\n")
    (tmp_path / "conftest.py").write_text(
        "from tests.conftest import pytest_xdist_make_scheduler as _\npytest_xdist_make_scheduler = _\n"
    )
    (tmp_path / "test_x.py").write_text(HANGS)
    (tmp_path / "test_y.py").write_text("def test_beside() -> None: ...")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadscope", "--no-loadscope-reorder", str(tmp_path)],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert "crashed while running 'test_x.py::test_that_hangs'" in done.stdout
    assert "in test_that_hangs" in done.stderr, "where it stood is told"
