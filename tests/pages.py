"""Bodies of answers, read as pages in which a keyword is looked for."""

import asyncio

from ingest.prober.probes.http_head import Head
from ingest.prober.probes.page import Page

HTML = "Content-Type: text/html"


def head(*headers: str) -> Head:
    rest = ("\n" + "".join(f"{line}\r\n" for line in headers) + "\r\n").encode("latin-1")
    return Head(200, "1.1", rest, len(rest))


def read(keyword: str, body: bytes, *headers: str, pieces: int = 1, whole: bool = True) -> Page:
    page = Page(keyword, head(*headers))
    size = max(1, -(-len(body) // pieces))
    for start in range(0, len(body), size):
        page.feed(body[start : start + size])
        if pieces > 1:
            page.look()
    page.is_whole = whole
    asyncio.run(page.read())
    return page
