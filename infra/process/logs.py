"""Structured logs: one line an event, readable by people on a terminal, JSON elsewhere. Nothing secret is logged.

`PINGFOLD_LOG_FORMAT` says which of both, wherever the lines go. Colours are for terminals, and not with `NO_COLOR`.

A line that says the same as one before is left out for some seconds (`infra.process.repeats`); the next one tells how
many were (`left_out`). Two lines of ours say the same when all their values are the same; two of a library, when they
were made of the same text and tell of the same exceptions, whatever else was put into it.
"""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from infra.process.repeats import Repeats
from infra.settings.settings import LogFormat

# What a client of Kafka says at each start of how we have told it to log in, which docs/operations.md tells better.
_KNOWN = ("aiokafka.conn", "Sending username and password in the clear")


def in_words(form: LogFormat, stream: TextIO) -> bool:
    """Whether lines are for people."""
    return form == "text" or (form == "auto" and stream.isatty())


def in_colours(stream: TextIO) -> bool:
    """Whether lines for people have colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def configure(role: str, form: LogFormat = "auto", stream: TextIO | None = None) -> None:
    """Set up this process's logging; libraries' warnings come in the same form. Without a stream: standard error."""
    out = sys.stderr if stream is None else stream

    def speaker(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("role", role)  # in every thread, which context variables do not reach
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        speaker,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    pretty, repeats = in_words(form, out), Repeats()
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if pretty:
        # The other ways to show an exception show the values of variables, and secrets among them.
        renderer = structlog.dev.ConsoleRenderer(
            colors=in_colours(out), exception_formatter=structlog.dev.plain_traceback
        )
    errors: list[structlog.typing.Processor] = [] if pretty else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared[:-1], WithoutRepeats(repeats), shared[-1], *errors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *errors, renderer],
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(["left_out"])],
        )
    )
    handler.addFilter(lambda record: (record.name, record.msg) != _KNOWN)
    handler.addFilter(WithoutRepeatsOfLibraries(repeats))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


class WithoutRepeats:
    """A processor of structlog: drops what says the same as a line before."""

    def __init__(self, repeats: Repeats) -> None:
        self._repeats = repeats

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        left_out = self._repeats.admit(frozenset(_said(name, value) for name, value in event.items()))
        if left_out is None:
            raise structlog.DropEvent
        if left_out:
            event["left_out"] = left_out
        return event


class WithoutRepeatsOfLibraries(logging.Filter):
    """The same for the lines of libraries."""

    def __init__(self, repeats: Repeats) -> None:
        super().__init__()
        self._repeats = repeats

    def filter(self, record: logging.LogRecord) -> bool:
        given = record.args if isinstance(record.args, tuple) else ()
        raised = [record.exc_info[1]] if isinstance(record.exc_info, tuple) else []
        exceptions = (repr(one) for one in (*raised, *given) if isinstance(one, BaseException))
        left_out = self._repeats.admit((record.name, record.levelno, str(record.msg), *exceptions))
        if left_out:
            record.left_out = left_out
        return left_out is not None


def _said(name: str, value: object) -> tuple[str, str]:
    """A value as it is compared: two exceptions of one kind that say the same are the same."""
    if name == "exc_info" and value is True:
        value = sys.exc_info()[1]
    return name, repr(value)
