"""Names that are made of numbers: one to one, the same for ever, and nothing that looks like counting."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import derived_id
from schemas.tokens import (
    channel_number,
    downtime_id,
    incident_prefix,
    number_of,
    page_token,
    pulse_key,
    spread,
    thing_token,
)

ALL_OF_FOUR = 36**4
numbers = st.integers(0, 3 * ALL_OF_FOUR) | st.integers(0, 10**12)


@pytest.mark.parametrize(("left", "right"), [(1, 1), (1, 7), (6, 6), (36, 36), (36, 216), (10, 100), (7, 1_000)])
def test_spreading_is_one_to_one(left: int, right: int) -> None:
    assert sorted(spread(number, left, right) for number in range(left * right)) == list(range(left * right))


@given(st.sets(numbers, min_size=2, max_size=50))
def test_no_two_numbers_have_the_same_name(some: set[int]) -> None:
    for name in (thing_token, page_token, channel_number):
        assert len({name(number) for number in some}) == len(some)


@given(numbers)
def test_the_form_of_names(number: int) -> None:
    longer = 4 if number < ALL_OF_FOUR else 5
    assert re.fullmatch(r"[a-z0-9]{4,9}", thing_token(number))
    assert len(thing_token(number)) == longer or number >= ALL_OF_FOUR + 36**5
    assert re.fullmatch(r"[a-z0-9]{5,9}", page_token(number))
    assert len(page_token(number)) == 5 or number >= 36**5
    assert channel_number(number) >= 10**9
    assert channel_number(number) < 2 * 10**9 or number >= 10**9


def test_when_tokens_of_four_characters_are_used_up_those_of_five_follow() -> None:
    last, first = thing_token(ALL_OF_FOUR - 1), thing_token(ALL_OF_FOUR)
    assert (len(last), len(first)) == (4, 5)
    assert len(thing_token(ALL_OF_FOUR + 36**5)) == 6
    assert (len(str(channel_number(10**9 - 1))), len(str(channel_number(10**9)))) == (10, 11)


@given(st.data())
def test_no_two_partitions_have_the_same_number(data: st.DataObject) -> None:
    partitions = data.draw(st.integers(1, 1_024))
    places = st.tuples(st.integers(0, 10**6), st.integers(0, partitions - 1))
    some = data.draw(st.sets(places, min_size=2, max_size=20))
    assert len({number_of(count, partition, partitions) for count, partition in some}) == len(some)


@pytest.mark.parametrize("partitions", [1, 8, 64])
def test_what_a_partition_names_looks_random(partitions: int) -> None:
    tokens = [thing_token(number_of(count, 0, partitions)) for count in range(500)]
    for place in range(4):
        assert len({token[place] for token in tokens}) == 36
    assert sum(one < other for one, other in pairwise(tokens)) in range(200, 300)


def test_names_are_the_same_for_ever() -> None:
    assert [thing_token(number) for number in (0, 1, 8, ALL_OF_FOUR)] == ["3yr1", "anj2", "8u0w", "2uiih"]
    assert [page_token(number) for number in (0, 1)] == ["2uiih", "430lr"]
    assert [channel_number(number) for number in (0, 1)] == [1739138316, 1644341422]
    incident = "7a1f9f7e-53d1-5a53-8f0f-0b7c3a3a9f10"
    assert downtime_id(incident) == "7a1f9f7e53d15a538f0f0b7c"
    assert pulse_key(incident) == "lOSJU4jp"


@given(st.text(max_size=50) | st.integers().map(lambda number: derived_id("incident", number)))
def test_downtimes_have_24_hex_digits(incident: str) -> None:
    id = downtime_id(incident)
    assert re.fullmatch(r"[0-9a-f]{24}", id)


def test_an_incident_is_found_by_the_id_of_its_downtime() -> None:
    incident = derived_id("incident", 1)
    assert incident.startswith(incident_prefix(downtime_id(incident)))


@given(st.uuids(), st.uuids())
def test_the_keys_of_pulses(one: object, other: object) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]{8}", pulse_key(str(one)))
    assert (pulse_key(str(one)) == pulse_key(str(other))) == (one == other)
