"""docs/events.md is true to the code: its reference part is generated, and what people wrote decodes."""

import re
from typing import get_args

import msgspec

from infra.log.sink import producer_config
from schemas.pings import Kind, Ping
from schemas.published import tag_of, types_of
from schemas.topics import TOPICS
from tests.events_page import MARK, PAGE, by_hand, page


def test_the_reference_is_current() -> None:
    assert MARK in PAGE.read_text()
    assert PAGE.read_text() == page(), "run `python -m tests.events_page` and commit what it writes"


def test_every_topic_and_type_has_its_place() -> None:
    headings = re.findall(r"^#+ (.+)$", page(), re.MULTILINE)
    for topic in TOPICS:
        assert f"What `{topic}` carries" in headings
        assert {tag_of(each) for each in types_of(topic)} <= set(headings)


def test_every_link_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", page(), re.MULTILINE)
    anchors = [re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert len(set(anchors)) == len(anchors), "two headings would have one anchor"
    assert set(re.findall(r"\]\(#([^)]*)\)", page())) <= set(anchors)


def test_the_pings_to_be_produced_are_valid() -> None:
    lines = re.findall(r'\{"type":.*?\}', by_hand())
    assert '{"type":"ping.received","kind":"success"}' in lines
    assert all(isinstance(msgspec.json.decode(line, type=Ping), Ping) for line in lines)
    for kind in get_args(Kind):
        assert f"`{kind}`" in by_hand()


def test_kcat_is_told_our_partitioner() -> None:
    partitioner = producer_config("kafka:9092")["partitioner"]
    produced = [part for part in by_hand().split("```") if "kcat -P" in part]
    assert produced
    assert all(f"-X partitioner={partitioner}" in part for part in produced)
