"""Names of hosts and zones as people write them in settings. Pure."""

import re

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
# What Pingfold puts before the name of a zone must find room in the 255 bytes of a name.
_LONGEST = 200


def parse_domain_name(text: str) -> str:
    """`Nodes.Example.org.` as `nodes.example.org`. Raises `ValueError`, which says what is accepted."""
    name = text.strip().lower().removesuffix(".")
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise ValueError(f"a domain name of at most {_LONGEST} characters is expected, such as nodes.example.org")
    return name


def is_within(name: str, zone: str) -> bool:
    """Whether a name is that of the zone or below it. Both as `parse_domain_name` gives them."""
    return name == zone or name.endswith(f".{zone}")
