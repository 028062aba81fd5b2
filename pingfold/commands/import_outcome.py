"""How every `pingfold import` carries out a plan: shows it, asks for confirmation, applies it, and reports the outcome.

Exit status: 0 done, or nothing to do; 1 the source could not be read, or a part was refused; 3 the plan was not
confirmed.
"""

import json as json_module
import sys
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import typer
from msgspec import UNSET

from infra.settings.settings import Settings
from pingfold.commands.client import ask_api
from pingfold.commands.tables import say
from pingfold.errors import CommandFailed
from pingfold.imports.keys import headers_for
from pingfold.imports.performing import Refused, perform
from pingfold.imports.plan import Change, Present, Step, plan
from pingfold.imports.things import Found

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
NOT_DONE = 3
_WORDS = {"window": "maintenance", "page": "status page"}


def ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the running Pingfold answers, asked with the key that the path needs."""
    return ask_api(method, path, headers_for(path, Settings()), body, timeout=30.0)


# The things that the API has answered with, by the place of their step in the plan.
Answers: TypeAlias = dict[int, Any]
# Prints, or gives as JSON, what a source has of its own: of the steps, and of what was answered.
Extra: TypeAlias = Callable[[list[Step], Answers], dict[str, Any]]


def _nothing(steps: list[Step], done: Answers) -> dict[str, Any]:
    return {}


def carry_out(found: Found, present: Present, yes: bool, json: bool, extra: Extra = _nothing) -> None:
    """Show what is to be done, and do it when somebody says so. extra: told before that and after it.

    Raises `CommandFailed` when a part was refused, and `typer.Exit` when nobody said yes.
    """
    steps = plan(found, present)
    if not json:
        _print_plan(steps, found)
    wanted = [step for step in steps if step.sign != "="]
    doable = sum(step.sign != "x" for step in wanted)
    if doable and not yes:
        told = extra(steps, {})
        if _said_yes(doable, json):
            yes = True
        elif json:
            _print_json(steps, found, {}, [], told)
        else:
            typer.echo("nothing was done; --yes does it", err=True)
        if not yes:
            raise typer.Exit(NOT_DONE)
    done: Answers = {}
    refused: list[Refused] = []
    places = {id(step): place for place, step in enumerate(steps)}
    for outcome in perform(steps, present, ask):
        if isinstance(outcome, Refused):
            refused.append(outcome)
            if not json:
                say(f"{_named(outcome.step)} was refused: {outcome.why}", err=True)
        else:
            done[places[id(outcome[0])]] = outcome[1]
    if wanted and not json:
        typer.echo(f"done: {len(done)} of {len(wanted)}")
    told = extra(steps, done)
    if json:
        _print_json(steps, found, done, refused, told)
    if refused:
        again = "" if doable < len(wanted) else "; a second import does the rest"
        raise CommandFailed(f"{len(refused)} of {len(wanted)} were refused{again}")


def _said_yes(count: int, json: bool) -> bool:
    if json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return typer.confirm(f"Do these {count}?", default=False)


def _print_plan(steps: list[Step], found: Found) -> None:
    for step in steps:
        say(f"{step.sign} {_named(step)}{_where(step)}")
        if step.why:
            say(f"    {step.why}")
        for change in step.changes:
            say(f"    {change.field}: {_value(change.old)} -> {_value(change.new)}")
    print_left(found)
    counts = [(sum(step.sign == sign for step in steps), word) for sign, word in _SIGNS]
    told = ", ".join(f"{count} {word}" for count, word in counts if count)
    left = f"; {len(found.left)} not carried over" if found.left else ""
    typer.echo(f"{told or 'nothing to carry over'}{left}")


_SIGNS = (("+", "new"), ("~", "different"), ("=", "there already"), ("x", "would be refused"))


def print_left(found: Found) -> None:
    """What cannot be carried over, line by line."""
    for left in found.left:
        say(f"! {left.place}: {left.what}: {left.why}")


def _named(step: Step) -> str:
    word, wanted = _WORDS.get(step.kind, step.kind), step.wanted
    if wanted.name:
        return f'{word} "{wanted.name}"'
    # Only a check may have no name.
    known = [getattr(wanted, field, None) for field in ("slug", "uuid")]
    return " ".join([word, "without a name", *(one for one in known if one)])


def _where(step: Step) -> str:
    return f" ({step.wanted.place})" if step.wanted.place else ""


def _value(value: Any) -> str:
    if value is None or value is UNSET:
        return "-"
    return json_module.dumps(value, ensure_ascii=False)


def _print_json(steps: list[Step], found: Found, done: Answers, refused: list[Refused], told: dict[str, Any]) -> None:
    why = {id(one.step): one.why for one in refused}
    typer.echo(
        json_module.dumps(
            {
                "steps": [
                    {
                        "sign": step.sign,
                        "kind": step.kind,
                        "name": step.wanted.name,
                        "place": step.wanted.place,
                        "id": step.id or _id_of(done.get(place)),
                        "changes": [_change(change) for change in step.changes],
                        "done": place in done or step.sign == "=",
                        "refused": why.get(id(step)),
                    }
                    for place, step in enumerate(steps)
                ],
                "left": [{"place": one.place, "what": one.what, "why": one.why} for one in found.left],
                **told,
            },
            indent=2,
        )
    )


def _id_of(answer: Any) -> str | None:
    return None if answer is None else answer.get("uuid") or answer.get("id")


def _change(change: Change) -> dict[str, Any]:
    return {"field": change.field, "old": change.old, "new": change.new}
