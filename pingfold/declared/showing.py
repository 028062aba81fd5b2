"""A plan in words. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from pingfold.declared.kinds import KINDS
from pingfold.declared.planning import Plan, Step

_LONGEST = 200


def lines(plan: Plan) -> Iterator[str]:
    """The plan for people: each thing with its fields, then what it comes to."""
    for step in plan.steps:
        yield title(step)
        if step.sign == "+" and step.declared is not None:
            for name, value in KINDS[step.section].written(step.declared.fields).items():
                yield f"    {name}: {_value(value)}"
        for name, old, new in step.changes:
            yield f"    {name}: {_value(old)} -> {_value(new)}"
    for note in plan.notes:
        yield f"note: {note}"
    yield summary(plan)


def title(step: Step) -> str:
    """A step in one line."""
    key = step.key or (step.present.id if step.present else "")
    return f"{step.sign} {KINDS[step.section].title} {key}"


def summary(plan: Plan) -> str:
    """How much a plan does."""
    if not plan.steps:
        return "Nothing to do: everything is as it is declared."
    return f"{plan.count('+')} to make, {plan.count('~')} to change, {plan.count('-')} to remove."


def as_json(plan: Plan) -> str:
    """The plan for programs. Values of secrets are not in it."""
    steps = [
        {
            "sign": step.sign,
            "section": step.section,
            "key": step.key,
            "id": step.present.id if step.present else None,
            "fields": step.declared.fields if step.sign == "+" and step.declared else None,
            "changes": [change._asdict() for change in step.changes],
        }
        for step in plan.steps
    ]
    return json.dumps({"steps": steps, "notes": plan.notes}, indent=2)


def _value(value: Any) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
