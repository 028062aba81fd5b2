"""Which tests are handed out together, in which order, and to whom."""

from pathlib import Path

import pytest

from tests.grouping import choose, group_of, is_helper

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
    }
    for folder, text in texts.items():
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / "test_x.py").write_text(text)
    return tmp_path


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


def test_the_helper_takes_only_what_needs_no_servers(root: Path) -> None:
    assert choose(["the shared Pingfold", SYSTEM_OWN, CONTAINERS, UNIT], True, root) == CONTAINERS
    assert choose([CONTRACT, UNIT], True, root) == UNIT
    assert choose([CONTRACT], True, root) is None
    assert choose([], True, root) is None


def test_the_others_begin_with_what_needs_servers(root: Path) -> None:
    assert choose([CONTAINERS, UNIT, "the shared Pingfold"], False, root) == "the shared Pingfold"
    assert choose([UNIT, CONTRACT], False, root) == CONTRACT
    assert choose([UNIT], False, root) == UNIT
    assert choose([], False, root) is None


def test_only_a_third_process_is_the_helper() -> None:
    assert [is_helper(f"gw{number}", 3) for number in range(4)] == [False, False, True, False]
    assert not any(is_helper(f"gw{number}", 2) for number in range(2))
