"""`pingfold replay`."""

from typing import Annotated

import typer

from infra.settings.settings import Settings
from pingfold.commands.options import Json


def replay(
    verify: Annotated[bool, typer.Option("--verify", help="Compare the result with the topics in Kafka.")] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Compare, then write a snapshot from which later replays can begin.")
    ] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Write the snapshot even if a part could not be compared.")
    ] = False,
    json: Json = False,
) -> None:
    """Recompute all states from the journals, from their beginning or from a snapshot.

    Exit status: 0 if equal, 1 if different, 2 if a part is not comparable or the replay could not run.

    Example: pingfold replay --verify
    """
    from pingfold.replay import replay as run

    raise typer.Exit(run(Settings(), verify=verify, snapshot=snapshot, unverified=unverified, as_json=json))
