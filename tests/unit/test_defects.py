"""What makes a fold stop as defective, and who can never make it."""

import random

import pytest

from processors.checks.fold import Checks
from processors.fold.contract import Record, Session
from processors.fold.defects import EVENTS, FEWEST_KEYS, Defects, Heard, is_made_here, made_here
from processors.fold.view import View


def hear(defects: Defects, owner: str, key: str, defect: bool, times: int = 1) -> None:
    for _ in range(times):
        defects.note(Heard(owner, key, defect))


def never(owner: str) -> bool:
    return False


def always(owner: str) -> bool:
    return True


def test_a_release_that_folds_nothing() -> None:
    defects = Defects()
    for number in range(EVENTS - 1):
        hear(defects, f"project-{number % 4}", f"check-{number % 40}", True)
        assert defects.verdict(never) is None
    assert defects.suspicious()
    hear(defects, "project-1", "check-1", True)
    assert defects.verdict(never) == "folding failed for 40 of the 40 things heard of, in 4 projects"
    assert not defects.suspicious()


def test_half_of_it_is_not_enough() -> None:
    defects = Defects()
    for number in range(4 * EVENTS):
        hear(defects, f"project-{number % 4}", f"check-{number % 40}", number % 40 < 20)
    assert defects.verdict(never) is None
    hear(defects, "project-0", "check-20", True)
    assert defects.verdict(never) is None  # one project is not more than half of them
    hear(defects, "project-1", "check-21", True)
    assert defects.verdict(never) is not None


def test_one_project_cannot_stop_the_others() -> None:
    """Whatever it sends, of however many checks, and also when nobody else is heard for long."""
    defects = Defects()
    for number in range(50 * EVENTS):
        hear(defects, "hostile", f"check-{number % 500}", True)
    assert defects.verdict(never) is None
    for number in range(3):
        hear(defects, f"project-{number}", f"other-{number}", False)
    assert defects.verdict(never) is None
    assert not defects.suspicious()


def test_nor_can_one_check_or_what_is_not_known() -> None:
    defects = Defects()
    hear(defects, "the only", "check", True, 10 * EVENTS)
    assert defects.verdict(always) is None
    assert not defects.suspicious()
    for number in range(10 * EVENTS):
        hear(defects, "", f"unknown-{number}", True)
    hear(defects, "the only", "well", False)
    assert defects.verdict(always) is None
    assert not defects.suspicious()


def test_an_installation_with_one_project() -> None:
    defects = Defects()
    for number in range(EVENTS):
        hear(defects, "the only", f"check-{number % (FEWEST_KEYS - 1)}", True)
    assert defects.verdict(always) is None
    hear(defects, "the only", "one more", True)
    assert defects.verdict(always) is not None
    assert defects.verdict(never) is None


def test_what_is_mended_is_forgotten() -> None:
    defects = Defects()
    for _ in range(2):
        for number in range(EVENTS - 1):
            hear(defects, f"project-{number % 4}", f"check-{number % 40}", True)
        for number in range(40):
            hear(defects, f"project-{number % 4}", f"check-{number}", False)
        assert not defects.active
        hear(defects, "project-1", "check-1", False)
        assert not defects.active
    assert defects.verdict(always) is None


@pytest.mark.parametrize("seed", range(5))
def test_what_is_kept_is_bounded(seed: int) -> None:
    chance, defects = random.Random(seed), Defects()
    for _ in range(5_000):
        hear(defects, f"p{chance.randrange(9)}", f"c{chance.randrange(4_000)}", chance.random() < 0.3)
    assert len(defects._keys) <= 1_000
    assert defects._hit == sum(defect for _, defect in defects._keys.values())


@pytest.mark.parametrize(
    ("value", "is_ours"),
    [
        (b"", False),
        (b"not json", False),
        (b"{\"type\":'ping.received'}", False),
        (b"\xff\xfe", False),
        (b"[1]", False),
        (b'{"type":"ping.received","kind":"sucess"}', False),
        (b'{"type":"ping.recieved","kind":"success"}', False),
        (b'{"kind":"success"}', False),
        (b'{"type":"ping.received","kind":"success","rid":"x","by":"me"}', False),
        (b'{"type":"ping.received","kind":"success","rid":"x","by":7}', True),
        (b'{"type":"ping.renamed","kind":"success","by":7}', True),
        (b'{"type":"check.defined","at":1}', True),
    ],
)
def test_what_cannot_be_decoded_counts_only_if_pingfold_wrote_it(value: bytes, is_ours: bool) -> None:
    """The README tells how to write pings with Kafka's tools: whoever quotes them wrongly harms himself alone."""
    assert is_made_here(value, made_here(Checks.events.type)) is is_ours
    session = Session(Checks(), 0, View())
    (letter,) = session.step([Record(1, 1, b"key", value)])
    assert letter.topic.name == "dead-letters"
    assert session.watching is is_ours
    assert [heard.key for heard in session.heard] == (["key"] if is_ours else [])


def test_a_key_that_is_no_text_is_its_producers_fault() -> None:
    session = Session(Checks(), 0, View())
    session.step([Record(1, 1, b"\xff", b'{"type":"ping.received","kind":"success"}')])
    assert not session.watching
