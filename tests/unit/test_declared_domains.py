"""Domains of declared status pages, which only one page may have: handed on in one apply, or refused before it."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pingfold.declared.planning import Options, Plan, plan
from pingfold.declared.problems import InvalidDeclarations
from pingfold.declared.things import Present
from tests.declared_world import World, loaded_text

_PAGES = ("p0", "p1", "p2", "p3")
_DOMAINS = ("a.example.org", "b.example.org", "c.example.org")
_domains_of_pages = st.dictionaries(st.sampled_from(_PAGES), st.sampled_from(("", *_DOMAINS)))


def _pages(domains: Mapping[str, str]) -> str:
    lines = [f"  {slug}: {{title: P, domain: '{domain}'}}\n" for slug, domain in domains.items()]
    return f"status_pages:{'' if lines else ' {}'}\n{''.join(lines)}"


@pytest.fixture
def world() -> World:
    return World()


def test_a_domain_is_handed_on(world: World) -> None:
    """Also to a page that comes before the one that had it, and along a chain."""
    world.apply(_pages({"a": "a.example.org", "b": "b.example.org", "c": "c.example.org"}))
    moved = _pages({"a": "b.example.org", "b": "c.example.org", "c": ""})
    assert world.apply(moved) == ["~ status_pages/c", "~ status_pages/b", "~ status_pages/a"]
    assert world.apply(moved) == []
    assert world.fields("status_pages", "a")["domain"] == "b.example.org"


def test_the_domain_of_a_page_that_is_removed_is_taken(world: World) -> None:
    world.apply(_pages({"old": "a.example.org", "other": ""}))
    assert world.apply(_pages({"new": "A.example.org."}), options=Options(prune=True)) == [
        "- status_pages/old",
        "+ status_pages/new",
        "- status_pages/other",
    ]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            {"a": "b.example.org", "b": "a.example.org"},
            "0.yml:2:17: status_pages.a.domain: is exchanged (a -> b -> a), which one request cannot do: apply once "
            "without it in 'a', then once more with it",
        ),
        (
            {"c": "a.example.org"},
            "0.yml:2:17: status_pages.c.domain: the status page 'a' has 'a.example.org': take it off there first",
        ),
        (
            {"c": "c.example.org", "d": "c.example.org"},
            "0.yml:3:17: status_pages.d.domain: 'c.example.org' is that of 'c' already: give another one",
        ),
    ],
)
def test_a_domain_that_cannot_be_had_is_refused_before_any_change(
    world: World, wanted: dict[str, str], words: str
) -> None:
    world.apply(_pages({"a": "a.example.org", "b": "b.example.org"}))
    before = world.present()
    with pytest.raises(InvalidDeclarations) as refused:
        world.plan(_pages(wanted))
    assert str(refused.value) == words
    assert world.present() == before


def test_an_exchange_is_done_in_the_two_steps_that_are_told(world: World) -> None:
    world.apply(_pages({"a": "a.example.org", "b": "b.example.org"}))
    world.apply(_pages({"a": "", "b": "a.example.org"}))
    assert world.apply(_pages({"a": "b.example.org", "b": "a.example.org"})) == ["~ status_pages/a"]


@given(_domains_of_pages.filter(lambda pages: _is_possible(pages)), _domains_of_pages, st.booleans())
def test_a_plan_never_gives_a_domain_to_two_pages(there: dict[str, str], wanted: dict[str, str], prune: bool) -> None:
    """Whatever is there and wanted: it is refused, or each of its requests can be done when its turn comes."""
    has = {slug: domain for slug, domain in there.items() if domain}
    try:
        planned = _planned(there, wanted, prune)
    except InvalidDeclarations:
        assert not _is_possible(wanted) or any(wanted.get(slug) != domain for slug, domain in has.items())
        return
    for step in planned.steps:
        if step.declared is None:
            has.pop(step.key, None)
            continue
        domain = step.declared.fields["domain"]
        assert domain not in {taken for slug, taken in has.items() if slug != step.key}
        has[step.key] = domain
        if not domain:
            del has[step.key]
    assert {slug: domain for slug, domain in has.items() if slug in wanted} == {k: v for k, v in wanted.items() if v}


def _is_possible(pages: Mapping[str, str]) -> bool:
    given = [domain for domain in pages.values() if domain]
    return len(given) == len(set(given))


def _planned(there: Mapping[str, str], wanted: Mapping[str, str], prune: bool) -> Plan:
    present = [
        Present(section=one.section, key=one.key, fields=one.fields, id=f"id-{one.key}", managed_by="default")
        for one in loaded_text(_pages(there)).things
    ]
    return plan(loaded_text(_pages(wanted)), present, "2026-01-01T00:00:00Z", Options(prune=prune))
