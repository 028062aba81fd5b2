"""How far a reader has come, and how long the rest will take."""

from structlog.testing import capture_logs

from infra.log.catching_up import CatchingUp


def test_it_tells_what_is_left_and_how_long_it_takes() -> None:
    now = 100.0
    catching_up = CatchingUp("test.loading", clock=lambda: now, states="s/1")
    catching_up.expect(10_000)
    assert (catching_up.left, catching_up.seconds_left()) == (10_000, None)
    now = 101.0
    catching_up.moved(4_000)  # compaction has taken what was before: no pace yet
    assert (catching_up.left, catching_up.seconds_left()) == (6_000, None)
    now = 103.0
    catching_up.moved(6_000)
    assert (catching_up.left, catching_up.seconds_left()) == (4_000, 4.0)
    catching_up.moved(10_000)
    assert (catching_up.left, catching_up.seconds_left()) == (0, 0.0)


def test_it_is_said_now_and_then() -> None:
    now = 0.0
    catching_up = CatchingUp("test.loading", clock=lambda: now, states="s/1")
    catching_up.expect(1_000)
    with capture_logs() as said:
        for second in range(12):
            now = float(second)
            catching_up.moved(10 * second)
    assert [(line["position"], line["about_seconds_left"]) for line in said] == [(50, 95), (100, 90)]
    assert (said[0]["event"], said[0]["states"], said[0]["end"]) == ("test.loading", "s/1", 1_000)
