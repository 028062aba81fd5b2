"""Groups of commands that are loaded when they are run.

A command is known by its name and one line of help; the module that it needs is imported when it is run, completed, or
asked for its own help. So `pingfold --version`, the lists of commands, and each command load nothing that they do not
need (docs/decisions/0105-commands-load-what-they-need.md).
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from pingfold.importing import importing


class Lazy(NamedTuple):
    """A command. place: `module:function`. help: the first sentences of the function's docstring. panel: the heading
    that it stands under in the list of commands."""

    place: str
    help: str
    panel: str | None = None


class Group(NamedTuple):
    """Commands under one name."""

    help: str
    commands: Mapping[str, Lazy]
    panel: str | None = None


class _Unloaded(TyperCommand):
    """Stands for a command in lists, until it is needed."""

    def __init__(self, name: str, lazy: Lazy) -> None:
        super().__init__(name, help=lazy.help, rich_help_panel=lazy.panel)
        self._lazy = lazy

    def load(self) -> Any:
        """The command itself."""
        module, _, function = self._lazy.place.partition(":")
        holder = typer.Typer()
        with importing():
            loaded = import_module(module)
        holder.command(self.name)(getattr(loaded, function))
        return get_group(holder).commands[str(self.name)]


class LazyGroup(TyperGroup):
    """A group of the commands in `table`."""

    table: Mapping[str, Lazy | Group] = {}

    def __init__(self, *, table: Mapping[str, Lazy] | None = None, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in (self.table if table is None else table).items():
            self.add_command(_Unloaded(name, entry) if isinstance(entry, Lazy) else _group(name, entry))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is to be run, loaded."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, _Unloaded) else command, rest


def _group(name: str, group: Group) -> LazyGroup:
    return LazyGroup(
        name=name, help=group.help, table=group.commands, no_args_is_help=True, rich_help_panel=group.panel
    )
