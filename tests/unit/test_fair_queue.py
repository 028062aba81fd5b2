"""The fair queue: who holds least goes first, and then who waits longest."""

from infra.fair_queue import FairQueue


def test_a_fair_queue_serves_whoever_holds_least_and_then_whoever_waits_longest() -> None:
    queue: FairQueue[str] = FairQueue()
    for name in "abc":
        queue.put(name)
    queue.reweigh("a", 2)
    queue.reweigh("b", 1)
    queue.reweigh("x", 1)
    order = []
    while (first := queue.first()) is not None:
        order.append(first)
        queue.remove(first)
    assert order == ["c", "b", "a"]
    for number in range(10_000):
        queue.put("a", number % 2)
        queue.put("b", 3)
    assert queue.first() == "a"
    assert len(queue._heap) < 200
