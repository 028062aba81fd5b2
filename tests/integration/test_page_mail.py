"""Mails to those who subscribe to a status page, against a real SMTP server on the loopback."""

from typing import Any

from infra.secrets.confirmation_links import ConfirmationLinks
from processors.sender.own_links import OwnLinks
from schemas.base import SECOND
from schemas.deliveries import ConfirmationRequested, DeliveryRequested, Endpoint, EndpointDefined
from schemas.ids import derived_id
from schemas.page_subscribers import CONFIRM_WITHIN, subscriber_id
from schemas.recipients import mailbox_id
from tests.mail_server import SITE, MailBench, Server, bench, settings_of, smtp, text_of

PAGE, ANN = derived_id("page"), "ann@example.org"
SUBSCRIBER = subscriber_id(PAGE, ANN)
LINKS, SUBSCRIPTIONS = ConfirmationLinks(b"key"), ConfirmationLinks(b"another key")
DAY = 86_400 * SECOND
HOSTILE = "<script>alert(1)</script>\r\nBcc: eve@example.org"


def post(run: MailBench, **more: Any) -> None:
    """A confirmed subscriber, and a post for it, as the fold of projects tells them."""
    endpoint = Endpoint(
        id=SUBSCRIBER, project="p", url="", notices=(), secret="", kind="email", addresses=(ANN,), digest=False
    )
    said = {"id": "post-1", "title": "Payments fail", "state": "identified", "text": "A disk is full.", "affected": []}
    data = {"page": {"id": PAGE, "title": "Shop", "path": f"/status/{PAGE}"}, "post": said | more}
    request = DeliveryRequested(transition="t1", at=run.now, notices=("status-page.post",), data=data, anyway=True)
    run.feed((SUBSCRIBER, EndpointDefined(at=run.now, endpoint=endpoint)), (SUBSCRIBER, request))


async def test_a_post_is_mailed_with_a_way_out_of_one_click() -> None:
    server = Server()
    async with (
        smtp(server) as port,
        bench(settings_of(port), links=LINKS, subscriptions=SUBSCRIPTIONS, own_links=OwnLinks(SITE, SITE)) as run,
    ):
        post(run, affected=["Checkout", HOSTILE], title=f"Payments fail {HOSTILE}", text=f"A disk is full.\n{HOSTILE}")
        at = run.now
        await run.until(lambda: bool(run.finished))
    [(recipients, mail, _)] = server.mails
    assert recipients == [ANN]
    assert mail["Subject"].startswith("[Pingfold] Shop: Payments fail <script>")
    assert "Bcc" not in mail
    out = f"{SITE}/subscriptions/{SUBSCRIPTIONS.token(SUBSCRIBER, at // SECOND * SECOND + 90 * DAY)}"
    assert mail["List-Unsubscribe"] == f"<{out}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        said = text_of(mail, kind)
        for fact in ("Payments fail", "Identified", "A disk is full.", "Checkout", f"{SITE}/status/{PAGE}#post-1", out):
            assert fact in said, (kind, fact)
    assert "<script" not in text_of(mail, "html")
    assert run.finished[0].outcome == "delivered"


async def test_a_post_that_the_server_refuses_for_now_is_sent_again_the_same() -> None:
    server = Server()
    server.data = "451 4.3.0 later"
    async with smtp(server) as port, bench(settings_of(port), links=LINKS, subscriptions=SUBSCRIPTIONS) as run:
        post(run)
        await run.until(lambda: len(run.reports) == 1)
        server.data = "250 OK"
        run.tick(3600)
        await run.until(lambda: bool(run.finished))
    [(_, mail, _)] = server.mails
    assert (mail["To"], run.finished[0].outcome, run.finished[0].attempts) == (ANN, "delivered", 2)


async def test_the_request_to_confirm_names_the_page_and_holds_nothing_that_others_chose() -> None:
    server = Server()
    async with smtp(server) as port, bench(settings_of(port), links=LINKS, subscriptions=SUBSCRIPTIONS) as run:
        expires = run.now + CONFIRM_WITHIN
        request = ConfirmationRequested(
            at=run.now,
            recipient=SUBSCRIBER,
            project="p",
            address=ANN,
            n=run.now,
            expires=expires,
            site=SITE,
            page="Buy now https://evil.example/x",
        )
        run.feed((mailbox_id(ANN), request))
        await run.until(lambda: bool(run.finished))
    [(recipients, mail, _)] = server.mails
    assert recipients == [ANN]
    assert mail["Subject"] == "[Pingfold] Please confirm: may news of a status page be sent to this address?"
    for kind in ("plain", "html"):
        said = text_of(mail, kind)
        assert f"{SITE}/subscriptions/{SUBSCRIPTIONS.token(SUBSCRIBER, expires)}" in said
        assert "Buy now" in said
        assert "://evil" not in said
