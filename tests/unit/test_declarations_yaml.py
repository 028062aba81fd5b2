"""YAML as declarations read it: what was written is what is meant, and every fault has its place."""

import random

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pingfold.declared.environment import escaped, filled
from pingfold.declared.exporting import written
from pingfold.declared.problems import Place
from pingfold.declared.yaml_reader import MOST_BYTES, MOST_DEPTH, MOST_NODES, read


def plain(text: str) -> object:
    [document], problems = read("a.yml", text.encode())
    assert problems == []
    return document.plain()


def faults(text: str | bytes) -> list[str]:
    return [str(problem) for problem in read("a.yml", text if isinstance(text, bytes) else text.encode())[1]]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(
            (word, word)
            for word in ("NO", "no", "on", "Off", "yes", "y", "12:30", "1.2.3", "007", "0x1F", "0o7", "1e3")
        ),
        *((word, word) for word in ("2026-03-01", "2026-03-01T00:00:00Z", "1_000", ".inf", ".nan", "tRUE", "+", "=")),
        *((f'"{word}"', word) for word in ("true", "null", "1", "1.10", "")),
        *(("'12'", "12"), ("|\n  a\n  b\n", "a\nb\n"), ("true", True), ("FALSE", False), ("~", None), ("Null", None)),
        *(("12", 12), ("-0", 0), ("+3", 3), ("1.10", 1.1), ("-2.5", -2.5), ("0 2 * * *", "0 2 * * *")),
    ],
)
def test_a_scalar_is_what_was_written(written: str, meant: object) -> None:
    value = plain(f"a: {written}")
    assert value == {"a": meant}
    assert isinstance(value, dict)
    assert type(value["a"]) is type(meant)


def test_a_name_in_quotes_is_no_merge_key() -> None:
    assert plain("'<<': 1") == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3", "a.yml:3:1: 'a' stands twice (first in line 1): remove one of them"),
        ("a: !!python/object:os.system {}", "a.yml:1:4: the tag tag:yaml.org,2002:python/object:os.system is not read"),
        ("a: !secret x", "a.yml:1:4: the tag !secret is not read: leave it out"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "a.yml:3:3: merge keys (<<) are not read: write the fields out"),
        ("404: x", "a.yml:1:1: 404 is no text and cannot be a name here: put it in quotes"),
        ("? [a]\n: x", "a.yml:1:3: a list or mapping is no text and cannot be a name here: put it in quotes"),
        ("a: *nowhere", "a.yml:1:4: the alias *nowhere names nothing that is complete before it"),
        ("a: &x [*x]", "a.yml:1:8: the alias *x names nothing that is complete before it"),
        ("a: &x 1\n---\nb: *x", "a.yml:3:4: the alias *x names nothing"),
        ("a:\n\tb: 1", "a.yml:2:1: this is no YAML: "),
        ("a: [1", "this is no YAML: "),
        ("a: 1\nb: \x07", "a.yml:2:1: this is no YAML: the character U+0007 is not allowed"),
        ("a:\n  b: [${X}]", "${...} must stand in quotes"),
        (b"a: 1\nb: \xff", "a.yml:2:1: the file is not UTF-8"),
        ("[" * 100_000, f"a.yml:1:{MOST_DEPTH + 1}: is nested more than {MOST_DEPTH} deep"),
        ("a: " + "{a: " * 100_000, f"is nested more than {MOST_DEPTH} deep"),
        ("a" * (MOST_BYTES + 1), "the file is larger than 8 MiB"),
    ],
)
def test_what_is_not_read_is_told_with_its_place(text: str | bytes, told: str) -> None:
    found = faults(text)
    assert len(found) == 1
    assert told in found[0]


def test_faults_are_told_together() -> None:
    assert len(faults("a: 1\na: 2\nb: !x 1\n5: 3\n")) == 3


def test_an_alias_bomb_ends_early() -> None:
    lines = ["a0: &a0 [" + ", ".join(["lol"] * 10) + "]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 20)]
    assert faults("\n".join(lines)) == [f"a.yml:6:25: there are more than {MOST_NODES:,} values, aliases followed"]


def test_aliases_stand_for_what_they_name() -> None:
    assert plain("a: &x {b: [1]}\nc: *x") == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_several_documents_and_a_byte_order_mark() -> None:
    documents, problems = read("a.yml", "\ufeffa: 1\n---\nb: 2\n---\n".encode())
    assert [document.plain() for document in documents] == [{"a": 1}, {"b": 2}, None]
    assert problems == []
    assert read("a.yml", b"# nothing\n") == ([], [])


def test_places() -> None:
    [document], _ = read("a.yml", b"checks:\n  backup:\n    tags: [a,\n      b]\n")
    assert document.place_of(("checks", "backup")) == Place("a.yml", 2, 3)
    assert document.place_of(("checks", "backup", "tags", 1)) == Place("a.yml", 4, 7)
    assert document.place_of(("checks", "backup", "grace")) == Place("a.yml", 2, 3)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcNOyes01:.", max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
@example("next\x85line")
@example({"\x85": ["\u2028", "\u2029 "]})
def test_what_is_written_safely_is_read_as_it_was(value: object) -> None:
    """The dumper is one of YAML 1.1: what it leaves without quotes means the same here."""
    assert plain(written({"a": value})) == {"a": value}


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    documents, problems = read("a.yml", content)
    assert all(problem.place is not None for problem in problems)
    for document in documents:
        assert document.place_of(("a", 0)) is not None


@given(st.text("a${}N_ ", max_size=30))
def test_an_escaped_text_stands_for_itself(text: str) -> None:
    [document], _ = read("a.yml", yaml.safe_dump({"a": escaped(text)}).encode())
    node, problems = filled(document, {})
    assert (node.plain(), problems) == ({"a": text}, [])


def test_the_environment_fills_texts() -> None:
    [document], _ = read("a.yml", b"a: ['x${ONE}y', '$${ONE}', '${TWO}']\nb:\n  c: ${NOPE} ${1}\n")
    node, problems = filled(document, {"ONE": "1", "TWO": "${ONE}"})
    assert node.plain() == {"a": ["x1y", "${ONE}", "${ONE}"], "b": {"c": " "}}
    assert [str(problem) for problem in problems] == [
        "a.yml:3:6: b.c: the environment has no variable NOPE: set it, or write $${NOPE} for the text itself",
        "a.yml:3:6: b.c: '${1}' names no variable; for the text itself write $${1}",
    ]


def test_a_large_file_is_read_in_time() -> None:
    chance = random.Random(1)
    text = "checks:\n" + "".join(f"  c{n}: {{grace: {chance.randint(60, 90)}, tags: [a, b]}}\n" for n in range(20_000))
    [document], problems = read("a.yml", text.encode())
    assert problems == []
    assert document.size > 100_000
