"""What prose names is there: files, sections, symbols and settings, in pages, docstrings and comments."""

import re
from pathlib import Path

import pytest

from tests.documents import all_problems, problems
from tests.prose import Prose, Tree, anchor, code_of, prose_of, repository

TREE = repository()
DECISIONS = Path(__file__).parents[2] / "docs/decisions"


def test_everything_that_prose_names_is_there() -> None:
    found = all_problems(TREE)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "page",
    [
        "docs/design.md", "docs/events.md", "docs/operations.md", "docs/glossary.md", "docs/architecture.md",
        "docs/compatibility/pinging.md", "docs/compatibility/management.md", "docs/compatibility/poppaping.md",
    ],
)  # fmt: skip
def test_a_page_that_is_renamed_is_missed(page: str) -> None:
    renamed = {"docs/renamed.md" if path == page else path: text for path, text in TREE.files.items()}
    naming = [prose for prose in TREE.prose if page.rpartition("/")[2] in prose.text and prose.path != page]
    assert naming
    tree = Tree(renamed)
    assert any(next(problems(prose, tree), None) for prose in naming)


SMALL = Tree(
    {
        "docs/design.md": "# The design\n\n## Time\n\n### Statement 3: no false alarm\n\n```sh\n# no heading\n```\n",
        "docs/decisions/0005-a-page.md": "# A page\n",
        "infra/log/sink.py": "from infra.log import clients\n\nWAIT: float = 1.0\n\n\nclass Sink:\n    limit: int\n"
        '    def put(self) -> None:\n        """Not seen."""\n        self.held = log("sink.full", acks_given=1)\n',
        "infra/log/__init__.py": "",
        "infra/log/clients.py": "class Odd(aiohttp.Client):\n    pass\n",
        "tests/unit/test_sink.py": "def test_it(): ...\n",
    }
)


@pytest.mark.parametrize(
    "text",
    [
        'docs/design.md, "Time"; docs/design.md, statements 3',
        "docs/decisions/0005 and infra/log/, infra/log/sink.py. See infra/log/sink, tests/unit/test_*.py.",
        "`sink.py`, `log/sink.py`, design.md",
        "`infra.log.sink.Sink.limit`, infra.log.sink.WAIT, infra.log.sink.Sink.held, infra.log.sink.clients.",
        "`Sink.put`, `sink.Sink`, ``Sink.held``, `put()`, `acks_given`, `sink.full`",
        "`Odd.anything`, which is inherited, `asyncio.timeout`, `others.name`, `word`, `a b_c`",
        "`PINGFOLD_DATA`, PINGFOLD_RETENTION_... and PINGFOLD_KAFKA_SSL_KEY_LOCATION",
        "https://example.org/docs/none.md",
    ],
)
def test_what_is_there_is_no_problem(text: str) -> None:
    assert list(problems(Prose("infra/log/sink.py", 1, text), SMALL)) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("see docs/plan.md", "docs/plan.md"),
        ("see `plan.md`", "plan.md"),
        ("see infra/log/source.py", "infra/log/source.py"),
        ("tests/unit/test_*_sink.py", "no such file"),
        ("docs/decisions/0006", "docs/decisions/0006"),
        ('docs/design.md, "Times"', '"Times"'),
        ('docs/design.md,\n"no heading"', '"no heading"'),
        ("docs/design.md, statements 3 and 4", "statement 4"),
        ("infra.log.source.Source", "infra.log.source.Source"),
        ("infra.log.sink.Sunk", "infra.log.sink.Sunk"),
        ("infra.log.sink.Sink.take", "infra.log.sink.Sink.take"),
        ("`Sink.take`", "Sink.take"),
        ("`sink.Sunk`", "sink.Sunk"),
        ("`taken_away`", "taken_away"),
        ("`OddThing`", "OddThing"),
        ("`take()`", "take()"),
        ("`PINGFOLD_DATE`", "PINGFOLD_DATE"),
        ("DESIGN section 2", "DESIGN"),
        ("reference/pinging-api.md", "reference/pinging-api"),
        ("as in seed 002", "seed 002"),
    ],
)
def test_what_leads_nowhere_is_told(text: str, told: str) -> None:
    found = list(problems(Prose("infra/log/sink.py", 7, text), SMALL))
    assert found
    assert any(told in each for each in found)
    assert all(each.startswith("infra/log/sink.py:7 ") for each in found)


@pytest.mark.parametrize(
    ("link", "fine"),
    [
        ("[a](design.md)", True),
        ("[a](design.md#time)", True),
        ("[a](design.md#statement-3-no-false-alarm)", True),
        ("[a](decisions/0005-a-page.md)", True),
        ("[a](../infra/log)", True),
        ("[a](https://example.org/nothing.md)", True),
        ("decision 0005", True),
        ("[a](plan.md)", False),
        ("[a](design.md#times)", False),
        ("[a](design.md#no-heading)", False),
        ("decision 0006", False),
    ],
)
def test_links_of_pages(link: str, fine: bool) -> None:
    assert (list(problems(Prose("docs/page.md", 1, link), SMALL)) == []) is fine


def test_prose_is_told_from_code() -> None:
    source = '"""Module\ntext."""\n\nNAME = "a # b"  # one\n# two\n# three\n\n# four\ndef f():\n'
    source += '    """Inside."""\n    x = """No."""\n'
    assert [(prose.line, prose.text) for prose in prose_of("x.py", source)] == [
        (1, '"""Module\ntext."""'),
        (4, "one"),
        (5, "two\nthree"),
        (8, "four"),
        (10, '"""Inside."""'),
    ]
    assert "Inside" not in code_of(source)
    assert '"""No."""' in code_of(source)


def test_anchors_are_those_of_markdown() -> None:
    assert anchor("Statement 3: no false alarm") == "statement-3-no-false-alarm"
    assert anchor("`create=1`") == "create1"


def test_every_decision_is_listed() -> None:
    pages = {page.name for page in DECISIONS.glob("[0-9]*.md")}
    listed = re.findall(r"\]\(([0-9]{4}-[^)]+\.md)\)", (DECISIONS / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(pages)
