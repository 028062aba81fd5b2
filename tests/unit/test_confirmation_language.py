"""A request to confirm an address is mailed in the language of the channel that asked for it."""

import email
import email.policy

import pytest

from infra.secrets.confirmation_links import ConfirmationLinks
from processors.sender.email_renderer import EmailRenderer
from schemas.base import SECOND
from schemas.definitions import Channel
from schemas.deliveries import ConfirmationRequested, Delivery, Endpoint, endpoint_key
from schemas.ids import derived_id, new_id
from schemas.recipients import mailbox_id, recipient_id
from schemas.requests import ChannelCreate
from tests.deliveries_driver import T0, Driver
from tests.projects_desk import NOW, Desk

ADDRESS = "ada@example.com"


def mailed(language: str) -> tuple[str, str, str]:
    """Subject, text and HTML of the request."""
    driver, box = Driver(), mailbox_id(ADDRESS)
    driver.tick(T0)
    project = derived_id("test", "project")
    event = ConfirmationRequested(
        at=T0,
        recipient=recipient_id(project, ADDRESS),
        project=project,
        address=ADDRESS,
        n=1,
        expires=T0 + 86_400 * SECOND,
        name="Shop",
        site="https://up.example",
        language=language,
    )
    driver.feed(box, event)
    [delivery] = [record for _, record in driver.view.items() if isinstance(record, Delivery)]
    endpoint: Endpoint = driver.view.get(endpoint_key(box))
    renderer = EmailRenderer("Pingfold", "ops@up.example", ConfirmationLinks(b"a key"))
    mail = email.message_from_bytes(renderer.write(delivery, endpoint), policy=email.policy.default)
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return str(mail["Subject"]), plain.get_content(), html.get_content()


@pytest.mark.parametrize(
    ("language", "tag", "asks", "names"),
    [
        ("", "en", "Please confirm: may alerts be sent", 'The project "Shop" at Pingfold'),
        ("en", "en", "Please confirm: may alerts be sent", 'The project "Shop" at Pingfold'),
        ("de", "de", "Bitte bestätigen: Dürfen Alarme", "Das Projekt „Shop“ bei Pingfold"),
        ("es", "es", "Confirme, por favor", "El proyecto «Shop» en Pingfold"),
        ("fr", "fr", "Merci de confirmer", "Le projet « Shop » sur Pingfold"),
        ("tlh", "en", "Please confirm: may alerts be sent", 'The project "Shop" at Pingfold'),
    ],
)
def test_in_the_language_of_the_channel(language: str, tag: str, asks: str, names: str) -> None:
    subject, plain, html = mailed(language)
    assert subject.startswith(f"[Pingfold] {asks}")
    assert names in plain
    assert "https://up.example/" in plain
    assert f'<html lang="{tag}">' in html


@pytest.mark.parametrize("language", ["", "fr"])
def test_the_channel_says_which(language: str) -> None:
    desk = Desk()
    options: dict[str, str | int | bool] = {"language": language} if language else {}
    channel = Channel(
        id=new_id(), project=desk.project, kind="email", url="", created=0, addresses=(ADDRESS,), options=options
    )
    desk.ask(ChannelCreate(request=new_id(), at=NOW, channel=channel, confirm=True))
    [asked] = [each.value for each in desk.effects if isinstance(each.value, ConfirmationRequested)]
    assert asked.language == language
