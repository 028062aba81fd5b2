"""`monitor.late`: a check is late, not down yet; told to the channels that chose it, once for each lateness."""

import pytest

from processors.fold.contract import Effect
from schemas.deliveries import DeliveryRequested
from schemas.notice_choices import ChoiceCopy, NoticesChosen, choice_key
from schemas.notices import Notice
from schemas.schedules import Cron
from schemas.topics import DELIVERIES
from schemas.transitions import StatusChanged
from tests.check_story import DAY, HOUR, MINUTE, Story, clock, moves, notices, t
from tests.folding import of_type

LATE: tuple[Notice, ...] = ("monitor.late",)
CHANNELS = ("hook", "mail")


def choose(story: Story, channel: str, *chosen: Notice) -> list[Effect]:
    return story.tell(NoticesChosen(at=t(story.time), notices=chosen), story.time, key=channel)


def chosen_by_mail(**definition: object) -> Story:
    """A check of every hour with five minutes of grace, and two channels, of which one chose the notice."""
    story = Story(**{"channels": CHANNELS} | definition)
    choose(story, "mail", *LATE)
    return story


def late(effects: list[Effect]) -> list[str]:
    """The channels that are told that the check is late."""
    return [
        effect.key
        for effect in effects
        if effect.topic is DELIVERIES and isinstance(effect.value, DeliveryRequested) and effect.value.notices == LATE
    ]


def test_only_the_channel_that_chose_it_is_told_when_its_time_has_passed() -> None:
    story = chosen_by_mail()
    story.ping(10)
    assert story.tick(HOUR + 9) == []
    effects = story.tick(HOUR + 10)
    assert moves(effects) == ["up>late"]
    assert late(effects) == ["mail"]
    [change], [told] = of_type(effects, StatusChanged), of_type(effects, DeliveryRequested)
    assert (told.transition, told.at) == (change.id, t(HOUR + 10))
    assert told.data["monitor"]["current_status"] == "late"
    assert told.data["incident"] is None
    assert (
        told.data["detail"]
        == change.detail
        == (
            "no ping since 2024-01-01T00:00:10+00:00; "
            "expected at 2024-01-01T01:00:10+00:00, down at 2024-01-01T01:05:10+00:00 if none comes"
        )
    )


def test_once_for_each_lateness_and_then_that_it_is_down() -> None:
    story = chosen_by_mail()
    for n in range(2):
        began = len(story.effects)
        story.ping(n * DAY + 10)
        for minutes in (60, 61, 63, 64):
            story.tick(n * DAY + 11 + minutes * MINUTE)
            story.folding.restart()
        assert late(story.effects[began:]) == ["mail"]
        assert "monitor.down" in notices(story.tick(n * DAY + HOUR + 5 * MINUTE + 10))
    assert len(late(story.effects)) == 2


def test_where_nobody_chose_it_nothing_is_requested() -> None:
    story = Story(channels=CHANNELS)
    story.ping(10)
    effects = story.tick(HOUR + 10)
    assert (moves(effects), late(effects)) == (["up>late"], [])
    [change] = of_type(effects, StatusChanged)
    assert (change.detail, change.silent) == ("", False)


def test_a_choice_ends_with_the_next_and_with_the_channel() -> None:
    story = chosen_by_mail()
    assert story.folding.state(ChoiceCopy, choice_key("mail")).notices == LATE
    choose(story, "mail", "monitor.down")
    assert story.folding.state(ChoiceCopy, choice_key("mail")).notices == ("monitor.down",)
    choose(story, "mail")
    assert choice_key("mail") not in story.folding.committed
    choose(story, "hook", *LATE)
    choose(story, "mail", *LATE)
    choose(story, "hook")
    story.folding.restart()
    story.ping(10)
    assert late(story.tick(HOUR + 10)) == ["mail"]


def test_a_dead_letter_that_is_put_back_chooses_nothing() -> None:
    story = Story(channels=CHANNELS)
    story.tell(NoticesChosen(at=t(0), notices=LATE), 1, key="mail", retried=True)
    story.ping(10)
    assert late(story.tick(HOUR + 10)) == []


def test_nobody_is_told_while_it_is_muted_nor_afterwards() -> None:
    story = chosen_by_mail(mute_until="forever")
    story.ping(10)
    effects = story.tick(HOUR + 10)
    assert late(effects) == []
    assert [change.silent for change in of_type(effects, StatusChanged)] == [True]
    assert late(story.define(HOUR + 20, mute_until=None)) == []
    assert late(story.tick(HOUR + 30)) == []


def test_a_check_that_is_paused_or_new_is_not_late() -> None:
    story = chosen_by_mail()
    story.tick(3 * HOUR)
    story.ping(3 * HOUR + 1)
    story.pause(3 * HOUR + 2)
    story.tick(DAY)
    assert late(story.effects) == []


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        (HOUR - 1_000, HOUR - 400, True),  # before its ping may have come, a late limit too early
        (HOUR - 1_000, HOUR - 200, False),
        (HOUR, HOUR + 30, False),
        (HOUR - 10, HOUR + 100, False),
    ],
)
def test_nobody_is_accused_whose_ping_a_gap_may_have_taken(start: float, end: float, told: bool) -> None:
    story = chosen_by_mail()
    story.ping(10)
    story.gap(start, end)
    story.tick(HOUR + 120)
    assert moves(story.effects)[-1] == "up>late"
    assert late(story.effects) == ["mail"] * told


def test_nobody_is_told_while_a_gap_is_open() -> None:
    story = chosen_by_mail(schedule=Cron("0 * * * *", "UTC"))
    story.ping(10)
    story.tick(HOUR - 1)
    assert late(story.tick(HOUR, unreachable_since=t(HOUR - 1))) == []
    assert moves(story.effects)[-1] == "up>late"


def test_after_a_stop_what_is_down_is_not_said_to_be_late() -> None:
    """One tick passes both: the expected moment and the end of the grace."""
    story = chosen_by_mail()
    story.ping(10)
    effects = story.tick(2 * HOUR)
    assert moves(effects) == ["up>late", "late>down"]
    assert set(notices(effects)) == {"monitor.down", "incident.created"}


def test_without_grace_it_is_down_and_not_late() -> None:
    story = chosen_by_mail(late_limit=0)
    story.ping(10)
    assert late(story.tick(HOUR + 10)) == []


def test_a_run_that_has_begun_is_not_late() -> None:
    story = chosen_by_mail(schedule=Cron("0 2 * * *", "UTC"), grace=HOUR)
    story.ping(clock("01:00"))
    story.ping(clock("01:59:59"), "start")
    effects = story.tick(clock("02:00"))
    assert (moves(effects), late(effects)) == (["up>late"], [])
    story.ping(clock("02:20"))
    assert late(story.tick(clock("02:00", day=2))) == ["mail"]


def test_an_event_without_a_channel_is_a_dead_letter() -> None:
    story = Story()
    [effect] = story.tell(NoticesChosen(at=t(0), notices=LATE), 1, key="")
    assert effect.topic.name == "dead-letters"
