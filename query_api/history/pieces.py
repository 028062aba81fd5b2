"""The rows of `uptime_pieces`, as questions read them: each with the columns that its question needs
(infra/clickhouse/tables/0005_uptime_pieces.sql, 0009_response_times.sql)."""

from typing import Literal, NamedTuple, Protocol

from msgspec import Struct

from schemas.base import Micros
from schemas.transitions import VisibleStatus

# Kinds of rows: a result that may not be rolled up; an hour and a day of what uptimes count; a span; an hour and a day
# of how fast a target answered.
RESULT, HOUR_COUNTED, DAY_COUNTED, SPAN, HOUR_ANSWERED, DAY_ANSWERED = range(6)


class Counted(Struct, array_like=True, gc=False):
    """What stands in `figures`."""

    counted: int
    up: int
    took: int
    buckets: list[int]
    times: list[int]
    packed: list[tuple[int, str, int, int]]


class Result(Struct, array_like=True, gc=False):
    """outcome: 0 down, 1 up, 2 in maintenance. took: microseconds."""

    slot: Micros
    region: str
    outcome: int
    took: int


class Phases(Struct, array_like=True, gc=False):
    """Microseconds; -1: none."""

    redirect: int
    lookup: int
    connect: int
    tls: int
    first_byte: int


class Closed(Struct, array_like=True, gc=False):
    """A span that is over; its state is empty in rows of other kinds."""

    since: Micros
    until: Micros
    state: VisibleStatus | Literal[""]


class Answers(Struct, array_like=True, gc=False):
    """What stands in `answers`: the sums are microseconds of those that were well."""

    region: str
    samples: int
    failures: int
    times: list[int]
    redirect: int
    lookup: int
    connect: int
    tls: int
    first_byte: int


class Piece(Protocol):
    """What every question reads of a row. made: when it was, microseconds; at: seconds."""

    @property
    def kind(self) -> int: ...
    @property
    def at(self) -> int: ...
    @property
    def n(self) -> int: ...
    @property
    def results(self) -> int: ...
    @property
    def made(self) -> Micros: ...
    @property
    def result(self) -> Result: ...
    @property
    def span(self) -> Closed: ...


class CountedPiece(Piece, Protocol):
    """A row that uptimes are counted from."""

    @property
    def figures(self) -> Counted: ...


class AnsweredPiece(Piece, Protocol):
    """A row that response times are summed from."""

    @property
    def phases(self) -> Phases: ...
    @property
    def answers(self) -> Answers: ...


class WholePiece(NamedTuple):
    """A row with all of it."""

    kind: int
    at: int
    n: int
    results: int
    made: Micros
    figures: Counted
    result: Result
    phases: Phases
    span: Closed
    answers: Answers
