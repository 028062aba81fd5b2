"""The language of message templates: Liquid, as python-liquid has it, cut down and bounded. Pure.

A template that anybody may write must neither loop nor grow, whatever it is rendered with. The library bounds its
output and the depth of blocks; what it leaves open is bounded here, and by counting, so that the same template ends the
same way on every machine:

- only the tags and filters that are listed, no ranges, and markup on one line: its parser needs the square of the time
  for some long ones;
- rounds of all loops together, and steps: each node, lookup and filter is one, and one more for each hundred characters
  that it works on; each node one more for every eight values of the tag that has most, since a step compares them all;
- the length of what a filter makes, which is told before it is made, and of all variables that are assigned.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from liquid import Environment, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import FilterArgumentError, LiquidError, OutputStreamLimitError
from liquid.expression import Expression
from liquid.template import BoundTemplate

from processors.errors import ProcessorError
from processors.sender.mail_headers import one_line
from schemas.outputs import readable

TAGS = ("if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment")
_INNER_TAGS = ("elsif", "else", "when", *(f"end{tag}" for tag in TAGS))
FILTERS = (
    *("append", "capitalize", "default", "downcase", "first", "join", "last", "lstrip", "prepend", "remove", "replace"),
    *("rstrip", "size", "slice", "split", "strip", "strip_newlines", "truncate", "truncatewords", "upcase"),
)
# What the sender gives (`processors.sender.wording.values_of`).
VARIABLES = (
    *("event", "what", "why", "name", "kind", "status", "address", "tags", "project", "test"),
    *("at", "since", "until", "duration", "last_ping", "output", "output_of", "results", "certificates"),
    *("page", "acknowledge", "also_told", "language", "timezone"),
)
MOST_ROUNDS, MOST_STEPS, MOST_CHARACTERS = 200, 5_000, 10_000
# So many values of a tag are compared in a step.
_VALUES = 8
_LONGEST_MARKUP, _MOST_BLANKS, _LONGEST_PROBLEM = 300, 10, 120
# The only value that a filter takes by its name: the bounds look at those that it takes by their place.
_NAMED: Final = frozenset({"allow_false"})
_OPENS: Final = re.compile(r"\{\{|\{%")
_TAG: Final = re.compile(r"-?\s*(\w*)")
_BLANKS: Final = re.compile(rf"\s{{{_MOST_BLANKS + 1}}}|[^\S ]")


class TemplateFault(ProcessorError):
    """A template that cannot be parsed or rendered: which one, in which line, and what is wrong, in words."""

    def __init__(self, field: str, line: int, problem: str) -> None:
        self.field, self.line = field, line
        told = one_line(readable(problem))
        self.problem = told if len(told) <= _LONGEST_PROBLEM else f"{told[:_LONGEST_PROBLEM]}…"
        super().__init__(f"{field}, line {line}: {self.problem}")


class _Beyond(ProcessorError):
    """A limit is passed: which, in words."""


class _Context(RenderContext):
    """Counts what a template does."""

    __slots__ = ("_held", "_of_a_node", "_rounds", "_steps")

    def __init__(self, *args: Any, **more: Any) -> None:
        self._steps = self._rounds = 0
        self._held: dict[str, int] = {}
        super().__init__(*args, **more)
        template = self.template
        self._of_a_node = template.most_values // _VALUES if isinstance(template, _Template) else 0

    def spend(self, *values: object) -> None:
        """Count a step that works on these values."""
        self._steps += 1 + sum(_size(value) for value in values) // 100
        if self._steps > MOST_STEPS:
            raise _Beyond(f"it takes more than {MOST_STEPS:,} steps")

    # Each node asks for them before it is rendered.
    @property
    def disabled_tags(self) -> list[str]:
        self._steps += self._of_a_node
        self.spend()
        return []

    @disabled_tags.setter
    def disabled_tags(self, _: object) -> None:
        pass

    def get(self, *args: Any, **more: Any) -> object:
        found = super().get(*args, **more)
        self.spend(found)
        return found

    def assign(self, key: str, val: Any) -> None:
        self._held[key] = _size(val)
        if sum(self._held.values()) > MOST_CHARACTERS:
            raise _Beyond(f"its variables hold more than {MOST_CHARACTERS:,} characters")
        self.spend(*self._held)
        self.locals[key] = val

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self._rounds += length
        if self._rounds > MOST_ROUNDS:
            raise _Beyond(f"its loops have more than {MOST_ROUNDS} rounds together")

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        made_by = super().filter(name, token)

        def bounded(left: object, *args: object, **more: object) -> object:
            if more.keys() - _NAMED:
                raise FilterArgumentError(f"{name} takes no values by name", token=token)
            self.spend(left, *args)
            if _foreseen(name, left, args) > MOST_CHARACTERS:
                raise _Beyond(f"{name} makes more than {MOST_CHARACTERS:,} characters")
            return made_by(left, *args, **more)

        return bounded


class _Template(BoundTemplate):
    """most_values: of one of its tags, operators among them; any node may be that one."""

    context_class = _Context
    most_values = 0


class _Environment(Environment):
    template_class = _Template
    output_stream_limit = 4 * MOST_CHARACTERS
    block_nesting_limit = 10


def _environment() -> Environment:
    environment = _Environment()
    kept = {*TAGS, "content", "output", "illegal"}
    environment.tags = {name: tag for name, tag in environment.tags.items() if name in kept}
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    return environment


_ENVIRONMENT: Final = _environment()


def rendered(field: str, template: str, values: Mapping[str, Any]) -> str:
    """What a template makes of values, which are texts, flags, and lists of these or of objects of texts.

    field: what the template is called in a fault. Raises `TemplateFault`.
    """
    try:
        _must_be_in_form(template)
        return _parsed(template).render(**values)
    except _NotInForm as wrong:
        raise TemplateFault(field, wrong.line, wrong.problem) from None
    except LiquidError as error:
        raise TemplateFault(field, _line_of(template, error), _words(error)) from None
    except _Beyond as beyond:
        raise TemplateFault(field, 1, str(beyond)) from None
    except RecursionError:
        raise TemplateFault(field, 1, "it is nested too deeply") from None
    except Exception as error:  # the library lets some of Python's pass
        raise TemplateFault(field, 1, f"it cannot be rendered ({type(error).__name__})") from None


class _NotInForm(ProcessorError):
    """A template that the parser is not to see: the line, and what is wrong with it."""

    def __init__(self, template: str, at: int, problem: str) -> None:
        self.line, self.problem = template.count("\n", 0, at) + 1, problem
        super().__init__(problem)


def _must_be_in_form(template: str) -> None:
    """Raises `_NotInForm` for what the parser is not to see. Takes time in proportion to the length."""
    at = 0
    while (opens := _OPENS.search(template, at)) is not None:
        begin, closing = opens.start(), "}}" if opens[0] == "{{" else "%}"
        end = template.find(closing, begin + 2, begin + _LONGEST_MARKUP)
        if end < 0:
            raise _NotInForm(template, begin, f"{opens[0]} without {closing} within {_LONGEST_MARKUP} characters")
        inner = template[begin + 2 : end]
        if _OPENS.search(inner) or _BLANKS.search(inner):
            raise _NotInForm(template, begin, f"{opens[0]} must end in its line, before another one")
        if opens[0] == "{%":
            tag = _TAG.match(inner)
            name = "" if tag is None else tag[1]
            if name not in TAGS and name not in _INNER_TAGS:
                raise _NotInForm(template, begin, f"there is no tag '{name}'")
        at = end + 2


@lru_cache(maxsize=512)
def _parsed(template: str) -> BoundTemplate:
    parsed = _ENVIRONMENT.from_string(template)
    assert isinstance(parsed, _Template)
    for node in _nodes(parsed):
        expressions = list(_expressions(node))
        parsed.most_values = max(parsed.most_values, len(expressions))
        for expression in expressions:
            if isinstance(expression, RangeLiteral):
                raise _NotInForm(template, expression.token.start_index, "there are no ranges")
    found = parsed.analyze(include_partials=False)
    for name, places in found.globals.items():
        if name not in VARIABLES:
            raise _NotInForm(template, places[0].span.index, f"there is no variable '{name}'")
    for name, spans in found.filters.items():
        if name not in FILTERS:
            raise _NotInForm(template, spans[0].index, f"there is no filter '{name}'")
    return parsed


def _nodes(parsed: BoundTemplate) -> Iterator[Node]:
    """Each node of a template."""
    context, nodes = _Context(parsed), list(parsed.nodes)
    while nodes:
        yield (node := nodes.pop())
        nodes += node.children(context, include_partials=False)


def _expressions(node: Node) -> Iterator[Expression]:
    """Each expression of a node, whatever it is part of."""
    expressions = list(node.expressions())
    while expressions:
        yield (expression := expressions.pop())
        expressions += expression.children()


def _line_of(template: str, error: LiquidError) -> int:
    at = -1 if error.token is None else error.token.start_index
    return template.count("\n", 0, at if 0 <= at <= len(template) else len(template)) + 1


def _words(error: LiquidError) -> str:
    if isinstance(error, OutputStreamLimitError):
        return f"it makes more than {4 * MOST_CHARACTERS:,} bytes"
    return str(error.message or "it cannot be rendered")


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    # What is no list becomes the text that it is for Python.
    return sum(map(_size, value)) + len(value) if isinstance(value, list) else len(str(value))


def _foreseen(name: str, left: object, args: tuple[object, ...]) -> int:
    """The most characters that a filter makes."""
    sizes = [_size(value) for value in (left, *args)]
    if name == "replace" and args:
        # An empty text stands before each character.
        found = str(left).count(str(args[0]))
        return sizes[0] + found * (sizes[2] if len(sizes) > 2 else 0)
    if name == "join":
        return sizes[0] + (len(left) if isinstance(left, list) else 1) * (sizes[1] if len(sizes) > 1 else 1)
    return sum(sizes)
