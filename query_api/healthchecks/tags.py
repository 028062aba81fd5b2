"""The tags of a check as Healthchecks reads them."""


def tags_of(tags: str) -> set[str]:
    """The tags in the field `tags`, which blanks separate."""
    return {tag for part in tags.split(" ") if (tag := part.strip())}
