"""Slugs made from names: the cases that Django tests its own `slugify` with, and ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.healthchecks.fields import read
from query_api.slugs import MAX_SLUG, slugify


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Database Backup", "database-backup"),
        ("Hello, World!", "hello-world"),
        ("spam & eggs", "spam-eggs"),
        (" multiple---dash and  space ", "multiple-dash-and-space"),
        ("\t whitespace-in-value \n", "whitespace-in-value"),
        ("underscore_in-value", "underscore_in-value"),
        ("__strip__underscore-value___", "strip__underscore-value"),
        ("--strip-dash-value---", "strip-dash-value"),
        ("__strip-mixed-value---", "strip-mixed-value"),
        ("_ -strip-mixed-value _-", "strip-mixed-value"),
        ("foo ıç bar", "foo-c-bar"),
        ("Müller's Straße №5", "mullers-strae-no5"),
        ("a.b/c", "abc"),
        ("日本", ""),
        ("", ""),
        ("--- ___", ""),
        ("１２ ㎏", "12-kg"),
    ],
)
def test_known_slugs(name: str, slug: str) -> None:
    assert slugify(name) == slug


def test_a_name_that_grows_is_cut_without_a_dash_at_the_end() -> None:
    assert slugify("㎏" * 100) == "kg" * 50
    assert slugify("a" * 99 + " b") == "a" * 99


@given(st.text(max_size=100))
def test_every_slug_is_one_that_may_be_chosen(name: str) -> None:
    slug = slugify(name)
    assert read({"slug": slug}) == {"slug": slug}
    assert len(slug) <= MAX_SLUG
    assert slugify(slug) == slug
