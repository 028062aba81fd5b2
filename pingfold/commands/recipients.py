"""`pingfold recipient`: people who get mail."""

from typing import Annotated

import typer

from infra.clock import SYSTEM_CLOCK
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of
from pingfold.commands.admin import ask
from pingfold.commands.blocks import is_blocked
from pingfold.commands.options import ProjectOption, project_of
from pingfold.commands.tables import say
from pingfold.errors import CommandFailed
from schemas.ids import new_id
from schemas.mail_addresses import InvalidAddress, mail_address
from schemas.requests import RecipientUnblock


def unblock_recipient(
    address: Annotated[str, typer.Argument(help="E-mail address of the recipient.")],
    project: ProjectOption = None,
) -> None:
    """Allow confirmation requests to an address again after its owner has blocked them.

    An address that is not blocked is left unchanged, and the command says so.

    Example: pingfold recipient unblock ops@example.org
    """
    settings = Settings()
    try:
        wanted = mail_address(address)
    except InvalidAddress:
        raise CommandFailed(f"{address} is not an e-mail address") from None
    owner = project_of(settings, project)
    blocked = is_blocked(answering_kafka_of(settings), owner, wanted)
    request = RecipientUnblock(request=new_id(), at=SYSTEM_CLOCK.real(), address=wanted)
    ask(settings, owner, request)
    say(f"{address} {'may be asked again' if blocked else 'was not blocked'}")
