"""What a template of a project may cost: whatever it holds, it is refused with words of ours, or ends soon."""

from typing import Any

import pytest

from processors.sender.template_language import TemplateFault, rendered

VALUES: dict[str, Any] = {
    "name": "Shop",
    "output": "a" * 4_000,
    "tags": ["a", "b"],
    "results": [{"error": "e" * 600, "region": "r" * 600}] * 10,
}


def problem_of(template: str) -> str:
    with pytest.raises(TemplateFault) as fault:
        rendered("text", template, VALUES)
    return fault.value.problem


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("replace", "{{ output | replace: seq: 'a', sub: output }}"),
        ("replace", "{{ output | replace: 'a', sub: output }}"),
        ("join", "{{ results | join: separator: output }}"),
        ("append", "{{ output | append: arg: output }}"),
        ("truncate", "{{ output | truncate: 9, end: output }}"),
    ],
)
def test_no_value_passes_the_bounds_by_its_name(name: str, template: str) -> None:
    assert problem_of(template) == f"{name} takes no values by name"


def test_the_one_value_that_has_a_name_is_taken_by_it() -> None:
    assert rendered("text", "{{ test | default: 'no', allow_false: true }}", {"test": False}) == "false"


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in (1..9) %}{{ i }}{% endfor %}",
        "{% assign a = (1..9) %}",
        "{{ name | append: (1..9) }}",
        # What is in quotes for a reader need not be for the parser.
        "{{ (name['a'x']..99999) | join: '' }}",
        "{% if (name['a'x']..99999) contains 'b' %}x{% endif %}",
        "{% case name %}{% when (name['a'x']..99999), '' %}x{% endcase %}",
        "{% for t in tags limit: (name['a'x']..99999) offset: '' %}x{% endfor %}",
    ],
)
def test_there_are_no_ranges_however_they_are_written(template: str) -> None:
    assert problem_of(template) == "there are no ranges"


def test_two_dots_in_a_text_are_no_range() -> None:
    assert rendered("text", "{{ name | append: ' (1..9)' }}", VALUES) == "Shop (1..9)"


@pytest.mark.parametrize(
    "template",
    ["{% for t in tags limit: -1 %}x{% endfor %}", "{% if results.first contains results.last %}x{% endif %}"],
)
def test_no_exception_but_ours_comes_out(template: str) -> None:
    assert problem_of(template).startswith("it cannot be rendered (")


@pytest.mark.parametrize(
    "tag",
    [
        "{% case name %}{% when " + ",".join(["1"] * 120) + " %}{% endcase %}",
        "{% if " + " and ".join(["1==1"] * 25) + " %}{% endif %}",
    ],
)
def test_a_tag_with_many_values_counts_more_than_one_with_few(tag: str) -> None:
    loop = "{% assign lines = output | split: '' | slice: 0, 150 %}{% for line in lines %}"
    assert "steps" in problem_of(loop + tag * 3 + "{% endfor %}")
    assert rendered("text", tag * 10, VALUES).strip() == ""


def test_what_is_no_text_counts_by_the_text_that_it_becomes() -> None:
    assert "makes more than" in problem_of("{{ output | slice: 0, 400 | replace: 'a', results.first }}")
    assert "steps" in problem_of("{% assign r = results.first %}" + "{{ r | size }}" * 250)
