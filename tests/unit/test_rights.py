"""The rights of roles are the same in the code and on the page for people."""

import re
from pathlib import Path

from infra.log.rights import ROLES
from schemas.topics import TOPICS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def test_the_page_says_what_each_role_may() -> None:
    rows = {row[1]: row[2:] for row in (line.split("|") for line in PAGE.read_text().splitlines()) if len(row) == 5}
    for role, rights in ROLES.items():
        writes, groups = rows[f" `{role}` "][:2]
        named = {name for name in re.findall(r"`([\w-]+)`", writes) if name in {topic.name for topic in TOPICS}}
        assert named == (set() if "every topic" in writes else {topic.name for topic in rights.writes}), role
        assert ("every topic" in writes) == (rights.writes == TOPICS)
        assert ("transactional" in writes) == rights.transactional
        assert [group in groups for group in rights.groups] == [True] * len(rights.groups)
