"""What a page is made of, without its texts: whether a text of somebody's has become a part of it."""

import re
from html.parser import HTMLParser

# Elements that load or run something; the script is ours alone.
_ACTIVE = {"script", "iframe", "object", "embed", "img", "base", "style", "link", "meta"}
# Each story has ids of its own.
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Skeleton(HTMLParser):
    """parts: each element with the names of its attributes, and each end. active: those that load or run something,
    with their values, but for ids. addresses: where links and forms lead. text: what is read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[tuple[str, ...]] = []
        self.active: list[tuple[str, ...]] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, *(name for name, _ in attrs)))
        if tag in _ACTIVE:
            self.active.append((tag, *(_ID.sub("ID", value or "") for _, value in attrs)))
        for name, value in attrs:
            assert not name.startswith("on"), f"{tag} {name}"
            assert name != "style", tag
            if name in ("href", "src", "action"):
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.parts.append((f"/{tag}",))

    def handle_data(self, data: str) -> None:
        self.text += data
