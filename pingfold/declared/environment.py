"""`${NAME}` in a text stands for a variable of the environment: so secrets stay out of files. Pure.

`$${NAME}` is the text `${NAME}` itself. What a variable holds is text, and is not looked at again.
"""

import re
from collections.abc import Mapping

from pingfold.declared.problems import Problem
from pingfold.declared.yaml_reader import Node, Path

_REFERENCE = re.compile(r"(\$?)\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def filled(node: Node, environment: Mapping[str, str]) -> tuple[Node, list[Problem]]:
    """The node with what the environment has, and the references that cannot be filled."""
    problems: list[Problem] = []
    return _filled(node, environment, (), problems), problems


def escaped(text: str) -> str:
    """A text that stands for itself in a file."""
    return _REFERENCE.sub(lambda found: "$" + found[0], text)


def path_text(path: Path) -> str:
    """A path as problems have it: `checks.backup.channels[0]`."""
    told = ""
    for step in path:
        told += f"[{step}]" if isinstance(step, int) else f".{step}" if told else step
    return told


def _filled(node: Node, environment: Mapping[str, str], path: Path, problems: list[Problem]) -> Node:
    value = node.value
    if isinstance(value, dict):
        return node._replace(
            value={key: _filled(one, environment, (*path, key), problems) for key, one in value.items()}
        )
    if isinstance(value, list):
        return node._replace(
            value=[_filled(one, environment, (*path, number), problems) for number, one in enumerate(value)]
        )
    if not isinstance(value, str) or "${" not in value:
        return node

    def of(found: re.Match[str]) -> str:
        dollar, name = found.groups()
        if dollar:
            return found[0][1:]
        if not _NAME.fullmatch(name):
            words = f"'{found[0]}' names no variable; for the text itself write $${{{name}}}"
        elif name not in environment:
            words = f"the environment has no variable {name}: set it, or write $${{{name}}} for the text itself"
        else:
            return environment[name]
        problems.append(Problem(node.place, path_text(path), words))
        return ""

    return node._replace(value=_REFERENCE.sub(of, value))
