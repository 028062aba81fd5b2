"""Numbers in the query of a request, judged."""

from query_api.http.refusals import ApiError

LONGEST_SECONDS = 31_536_000
LAST_TIMESTAMP = 10_000_000_000


def parameter(text: str | None, largest: int) -> int:
    """A number of a query; 0 when it is not given, which means no limit, as an explicit 0 does."""
    found = 0 if text is None else number(text, largest)
    if found is None:
        raise ApiError(400)
    return found


def number(text: str, largest: int) -> int | None:
    """A whole number up to `largest`, in plain digits; None for any other text, however long."""
    if not (text.isascii() and text.isdigit()) or len(text.lstrip("0")) > len(str(largest)):
        return None
    found = int(text)
    return found if found <= largest else None
