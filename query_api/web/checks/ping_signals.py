"""The signals of a ping, as the end of its URL, with the words that a page has for them. Pure."""

from collections.abc import Mapping

SIGNALS: Mapping[str, str] = {
    "": "a success",
    "start": "the start of a run",
    "fail": "a failure",
    "log": "a line in the log",
}
