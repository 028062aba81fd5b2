"""Mail against a real SMTP server on the loopback, through the fold and the sender as they are, without Kafka."""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Any

import pytest

from infra.secrets.confirmation_links import ConfirmationLinks
from infra.secrets.people_tokens import Invitation, PeopleTokens
from processors.sender.own_links import OwnLinks
from schemas.deliveries import (
    ConfirmationRequested,
    Delivery,
    DeliveryReplayed,
    InvitationRequested,
)
from schemas.ids import derived_id
from schemas.recipients import LINK_VALID, mailbox_id, recipient_id
from tests.mail_server import DATA, SITE, MailBench, Server, bench, settings_of, smtp, text_of
from tests.sender_bench import Receiver, receiver, self_signed


async def test_a_mail_says_what_happened_in_text_and_html() -> None:
    server = Server()
    results = [{"checked_at": "2026-11-21T17:01:17+00:00", "status": "down", "region": "oslo", "error": "timeout"}]
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org", "b@example.org")
        run.tell({**DATA, "monitor": {**DATA["monitor"], "last_results": results}})
        await run.until(lambda: bool(run.finished))
    [(recipients, mail, _)] = server.mails
    assert recipients == ["a@example.org", "b@example.org"]
    assert mail["From"] == "Watch <watch@example.org>"
    assert mail["To"] == "a@example.org, b@example.org"
    assert mail["Subject"] == "[Pingfold] Shop is down"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["References"] == "<incident-i1@example.org>"
    for kind in ("plain", "html"):
        said = text_of(mail, kind)
        for fact in ("Shop is down", "Connection timed out", "2026-11-21 17:01:17 UTC", "oslo", "timeout", f"{SITE}/"):
            assert fact in said, (kind, fact)
    assert (run.finished[0].outcome, run.finished[0].detail) == ("delivered", "")
    assert run.reports[0].status == 250


async def test_the_mail_of_a_check_links_to_its_page() -> None:
    server = Server()
    monitor = {"id": "m", "name": "Backup", "kind": "heartbeat", "url": "/checks/m"}
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org")
        run.tell({"monitor": monitor, "incident": None}, "monitor.recovered")
        await run.until(lambda: bool(run.finished))
    [(_, mail, _)] = server.mails
    assert f'href="{SITE}/checks/m"' in text_of(mail, "html")
    assert mail["Subject"] == "[Pingfold] Backup has recovered"


@pytest.mark.parametrize("site", [SITE, "http://127.0.0.1:8000", ""])
async def test_links_lead_to_the_address_of_now(site: str) -> None:
    """Whatever the address was when the channel was made, and when the event was."""
    server = Server()
    monitor = {"id": "m", "name": "Backup", "kind": "heartbeat", "url": "/checks/m"}
    links = OwnLinks("https://up.example/pingfold", "https://up.example/pingfold/pulse/")
    async with smtp(server) as port, bench(settings_of(port), own_links=links) as run:
        run.mail_to("a@example.org", site=site)
        run.tell({"monitor": monitor, "incident": None}, "monitor.recovered")
        run.tell(n="2")
        await run.until(lambda: len(run.finished) == 2)
    mails = {str(mail["Subject"]): text_of(mail, "html") for _, mail, _ in server.mails}
    assert 'href="https://up.example/pingfold/checks/m"' in mails["[Pingfold] Backup has recovered"]
    assert 'href="https://up.example/pingfold/"' in mails["[Pingfold] Shop is down"]


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("Büro, Nord <a@b.test>", "Büro, Nord"),
        ("[PROD] x <a@b.test>", "[PROD] x"),
        ("a@b.test", "Pingfold"),
        ("O'Neil (ops); team: x@y <a@b.test>", "O'Neil (ops); team: x@y"),
        (f"{'Überwachung, ' * 15}<a@b.test>", ("Überwachung, " * 15).strip()),
    ],
)
async def test_a_sender_as_people_write_it(sender: str, shown: str) -> None:
    server = Server()
    async with smtp(server) as port, bench(settings_of(port, smtp_from=sender)) as run:
        run.mail_to("a@example.org")
        run.tell()
        await run.until(lambda: bool(run.finished))
    assert (run.finished[0].outcome, run.finished[0].detail) == ("delivered", "")
    [(_, mail, content)] = server.mails
    [address] = mail["From"].addresses
    # This parser keeps the blanks between encoded words, which mail programs leave out.
    assert (" ".join(address.display_name.split()), address.addr_spec) == (shown, "a@b.test")
    assert server.senders == ["a@b.test"]
    assert all(len(line) < 999 and line.isascii() for line in content.splitlines())


async def test_a_retry_and_a_replay_are_the_same_message() -> None:
    server = Server()
    server.data = "451 4.3.0 later"
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org")
        run.tell()
        await run.until(lambda: len(run.reports) == 1)
        assert (run.reports[0].status, run.finished) == (None, [])
        assert "451" in run.reports[0].error
        server.data = "250 OK"
        run.tick(3600)
        await run.until(lambda: bool(run.finished))
        sent = run.finished[0]
        again = DeliveryReplayed(replay="r", at=run.now, event=sent.event, notice="monitor.down", body=sent.body)
        run.tick(86_400)
        run.feed(("c", again))
        await run.until(lambda: len(run.finished) == 2)
    assert (sent.attempts, run.finished[1].attempts, run.finished[1].replay) == (2, 1, "r")
    (_, first, content), (_, _, again_content) = server.mails
    assert content == again_content
    assert first["Message-ID"] == f"<{sent.event}@example.org>"


@pytest.mark.parametrize(
    "name", ["x\r\nBcc: evil@example.org", "x\nBcc: evil@example.org\n\nbody", "\x00\x85\u2028" * 9]
)
async def test_a_name_cannot_end_a_header(name: str) -> None:
    server = Server()
    data = {**DATA, "monitor": {**DATA["monitor"], "name": name}}
    async with smtp(server) as port, bench(settings_of(port, site_name="Site\r\nX-Evil: 1")) as run:
        run.mail_to("a@example.org")
        run.tell(data)
        await run.until(lambda: bool(run.finished))
    [(recipients, mail, _)] = server.mails
    assert recipients == ["a@example.org"]
    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "List-Unsubscribe",
        "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert len(mail["Subject"]) <= 200


async def test_the_html_is_escaped_and_links_only_to_pages() -> None:
    server = Server()
    monitor = {"id": "m", "name": "<script>alert(1)</script> Zoë", "kind": "heartbeat", "url": "javascript:alert(1)"}
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org")
        run.tell({"monitor": monitor, "incident": {"id": [], "cause": "<b>no</b> é", "started_at": {}}})
        await run.until(lambda: bool(run.finished))
    [(_, mail, content)] = server.mails
    html = text_of(mail, "html")
    assert "<script>" not in html
    assert "<b>" not in html
    assert "href" not in html
    assert "<b>no</b> é" in text_of(mail)
    assert content.isascii()


@pytest.mark.parametrize(
    "data", [{}, {"monitor": [], "incident": 5}, {"monitor": {"last_results": [1, {"status": {}}]}}, {"monitor": {}}]
)
async def test_a_notice_that_holds_anything_is_still_a_mail(data: dict[str, Any]) -> None:
    server = Server()
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org")
        run.tell(data, "incident.resolved")
        await run.until(lambda: bool(run.finished))
    assert server.mails[0][1]["Subject"] == "[Pingfold] Incident resolved: A monitor"


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"data":{},"timestamp":5}', '{"data":{},"timestamp":"now"}', "["])
async def test_a_replay_of_no_notice_is_a_failure(body: str) -> None:
    server = Server()
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org")
        run.feed(("c", DeliveryReplayed(replay="r", at=run.now, event="e", notice="monitor.down", body=body)))
        await run.until(lambda: bool(run.reports))
    assert "cannot be made a mail" in run.reports[0].error
    assert server.mails == []


async def test_who_is_refused_for_now_is_tried_again_and_nobody_else() -> None:
    server = Server()
    server.refuse = {"b@example.org": "450 4.2.0 greylisted", "c@example.org": "550 5.1.1 no such user"}
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org", "b@example.org", "c@example.org")
        run.tell()
        await run.until(lambda: bool(run.reports))
        [report] = run.reports
        assert report.again == ("b@example.org",)
        assert "b@example.org: 450 4.2.0: the mailbox does not accept mail" in report.error
        assert "c@example.org: 550 5.1.1: there is no such mailbox" in report.error
        await run.until(lambda: any(isinstance(one, Delivery) and one.due for _, one in run.view.items()))
        assert run.finished == []
        server.refuse = {}
        run.tick(3600)
        await run.until(lambda: bool(run.finished))
    assert [recipients for recipients, *_ in server.mails] == [["a@example.org"], ["b@example.org"]]
    assert (run.finished[0].outcome, run.finished[0].attempts) == ("delivered", 2)


async def test_some_refused_for_good_is_delivered_and_all_is_a_failure() -> None:
    server = Server()
    server.refuse = {"b@example.org": "550 5.1.1 no such user"}
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org", "b@example.org")
        run.tell(n="t1")
        await run.until(lambda: bool(run.finished))
        assert (run.finished[0].outcome, run.finished[0].detail) == (
            "delivered", "b@example.org: 550 5.1.1: there is no such mailbox",
        )  # fmt: skip
        run.mail_to("b@example.org")
        run.tell(n="t2")
        await run.until(lambda: len(run.reports) == 2)
    assert (run.reports[1].status, run.reports[1].again) == (None, ())
    assert run.reports[1].error == "b@example.org: 550 5.1.1: there is no such mailbox"
    assert len(run.finished) == 1


async def test_a_code_of_http_means_nothing_in_smtp() -> None:
    server = Server()
    server.data = "410 gone"
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org")
        run.tell()
        await run.until(lambda: bool(run.reports))
        await asyncio.sleep(0)
    assert run.reports[0].status is None
    assert run.finished == []


async def test_starttls_login_and_a_password_that_is_wrong(tmp_path: Path) -> None:
    server = Server()
    server_side, client_side = tls(tmp_path)
    options = {"tls_context": server_side, "auth_required": True, "authenticator": server.authenticate}
    async with smtp(server, **options) as port:
        settings = settings_of(port, smtp_tls="starttls", smtp_user="watch", smtp_password="open sesame")
        async with bench(settings, tls=client_side) as run:
            run.mail_to("a@example.org")
            run.tell()
            await run.until(lambda: bool(run.finished))
        wrong = settings_of(port, smtp_tls="starttls", smtp_user="watch", smtp_password="open barley")
        async with bench(wrong, tls=client_side) as run:
            run.mail_to("a@example.org")
            run.tell()
            await run.until(lambda: bool(run.reports))
    assert server.logins[0] == (b"watch", b"open sesame")
    assert server.tls == [True]
    assert "535" in run.reports[0].error
    assert "barley" not in run.reports[0].error


async def test_tls_from_the_beginning_and_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    server = Server()
    server_side, client_side = tls(tmp_path)
    async with smtp(server, ssl_context=server_side) as port:
        async with bench(settings_of(port, smtp_tls="tls"), tls=client_side) as run:
            run.mail_to("a@example.org")
            run.tell()
            await run.until(lambda: bool(run.finished))
        async with bench(settings_of(port, smtp_tls="tls")) as run:
            run.mail_to("a@example.org")
            run.tell()
            await run.until(lambda: bool(run.reports))
    assert len(server.mails) == 1
    assert run.reports[0].error.startswith("the certificate of the mail server was refused")


def tls(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, and one of a client that takes its certificate whatever the name."""
    pem = self_signed(folder)
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(pem))
    server_side.load_cert_chain(pem)
    client_side.check_hostname = False
    return server_side, client_side


async def test_a_server_without_starttls_gets_no_mail() -> None:
    server = Server()
    async with smtp(server) as port, bench(settings_of(port, smtp_tls="starttls")) as run:
        run.mail_to("a@example.org")
        run.tell()
        await run.until(lambda: bool(run.reports))
    assert server.mails == []
    assert "STARTTLS" in run.reports[0].error


async def test_servers_that_do_not_talk() -> None:
    async def silence(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await _.read()
        writer.close()

    async def closing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(range(256)) * 10 + b"\r\n")
        writer.close()

    for talk, timed_out in ((silence, True), (closing, False), (garbage, False)):
        listening = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        limits = {"seconds": 0.5, "connect": 0.3} if timed_out else {}
        async with bench(settings_of(port), **limits) as run:
            run.mail_to("a@example.org")
            run.tell()
            await run.until(lambda run=run: bool(run.reports))  # type: ignore[misc]
        listening.close()
        assert run.reports[0].status is None
        assert run.reports[0].timed_out is timed_out, run.reports[0]
        assert run.reports[0].error
    async with bench(settings_of(1)) as run:
        run.mail_to("a@example.org")
        run.tell()
        await run.until(lambda: bool(run.reports))
    assert run.reports[0].error.startswith("no connection to the mail server")


@pytest.mark.parametrize("missing", ["smtp_host", "smtp_from"])
async def test_without_a_mail_server_a_mail_fails_and_says_which_setting_is_missing(missing: str) -> None:
    async with bench(settings_of(1, **{missing: None})) as run:
        run.mail_to("a@example.org")
        run.tell()
        await run.until(lambda: bool(run.reports))
    assert run.reports[0].error == f"PINGFOLD_{missing.upper()} is not set"


async def test_a_slow_mail_server_holds_up_no_webhook() -> None:
    server, got = Server(), Receiver()
    server.delay = 30
    settings = settings_of(1, private_targets="127.0.0.0/8")
    async with (
        smtp(server) as port,
        receiver(got) as url,
        bench(settings.model_copy(update={"smtp_port": port})) as run,
    ):
        for n in range(20):
            run.mail_to("a@example.org", channel=f"mail{n}")
            for i in range(20):
                run.tell(n=f"t{i}", channel=f"mail{n}")
        await run.until(lambda: server.at_once == 16)
        run.define("hook", url)
        run.request("hook", *(f"t{i}" for i in range(300)))
        # No mail is given up before 30 s: nobody has waited for one.
        assert await run.until(lambda: len(run.finished) == 300) < 25
        assert server.most_at_once == 16


# ---- recipients that confirm


def ask(run: MailBench, n: int = 1, name: str = "Shop", address: str = "A+x@example.org") -> str:
    """A request to confirm an address; the token that its mail should hold."""
    recipient, expires = derived_id("recipient", "p", address), run.now + LINK_VALID
    request = ConfirmationRequested(
        at=run.now, recipient=recipient, project="p", address=address, n=n, expires=expires, name=name, site=SITE
    )
    run.feed((mailbox_id(address), request))
    return LINKS.token(recipient, expires)


LINKS = ConfirmationLinks(b"key")


async def test_a_request_to_confirm_holds_the_link_and_nothing_that_others_can_make_of_it() -> None:
    server = Server()
    async with smtp(server) as port, bench(settings_of(port), links=LINKS) as run:
        token = ask(run, name="Buy <b>now</b> at https://evil.example/x\r\nBcc: c@example.org")
        await run.until(lambda: bool(run.finished))
    [(recipients, mail, content)] = server.mails
    assert recipients == ["A+x@example.org"]
    assert mail["To"] == "A+x@example.org"
    assert mail["Subject"] == "[Pingfold] Please confirm: may alerts be sent to this address?"
    assert "Bcc" not in mail
    for kind in ("plain", "html"):
        said = text_of(mail, kind)
        assert f"{SITE}/recipients/{token}" in said
        assert "evil.example" not in said
        assert "://evil" not in said
    assert content.isascii()
    [done] = run.finished
    assert (done.outcome, done.notice) == ("delivered", "recipient.confirmation")
    assert token not in done.body  # the link stands in the mail, and nowhere else


async def test_an_invitation_holds_the_link_to_join_and_the_way_to_get_no_more() -> None:
    tokens, member, invitation = PeopleTokens(str.encode), derived_id("member"), derived_id("invitation")
    server, address = Server(), "ann@example.org"
    async with smtp(server) as port, bench(settings_of(port), links=LINKS, invitations=tokens) as run:
        expires = run.now + LINK_VALID
        name = "Buy <b>now</b> at https://evil.example/x\r\nBcc: c@example.org"
        event = InvitationRequested(
            at=run.now, member=member, invitation=invitation, project="p", address=address, role="editor",
            expires=expires, name=name, site=SITE, language="de",
        )  # fmt: skip
        run.feed((mailbox_id(address), event))
        await run.until(lambda: bool(run.finished))
    [(recipients, mail, content)] = server.mails
    assert (recipients, mail["To"]) == ([address], address)
    assert mail["Subject"] == "[Pingfold] Sie sind zu Pingfold eingeladen"
    assert "Bcc" not in mail
    token = tokens.invitation_token(Invitation(member, invitation, expires))
    for kind in ("plain", "html"):
        said = text_of(mail, kind)
        assert f"{SITE}/invitations/{token}" in said
        assert f"{SITE}/recipients/{LINKS.token(recipient_id('p', address), expires)}" in said
        assert "evil.example" not in said
    assert content.isascii()
    [done] = run.finished
    assert (done.outcome, done.notice) == ("delivered", "member.invitation")
    assert token not in done.body


async def test_requests_to_one_mailbox_reach_the_addresses_that_were_asked_and_a_retry_holds_the_same_link() -> None:
    server = Server()
    server.data = "451 4.3.0 later"
    async with smtp(server) as port, bench(settings_of(port), links=LINKS) as run:
        first = ask(run, address="a+1@example.org")
        await run.until(lambda: len(run.reports) == 1)
        second = ask(run, address="A+2@example.org")
        await run.until(lambda: len(run.reports) == 2)
        server.data = "250 OK"
        run.tick(3600)
        await run.until(lambda: len(run.finished) == 2)
    sent = {recipients[0]: text_of(mail) for recipients, mail, _ in server.mails}
    assert set(sent) == {"a+1@example.org", "A+2@example.org"}
    assert first in sent["a+1@example.org"]
    assert second in sent["A+2@example.org"]


async def test_without_a_key_for_links_a_request_to_confirm_fails() -> None:
    server = Server()
    async with smtp(server) as port, bench(settings_of(port)) as run:
        ask(run)
        await run.until(lambda: bool(run.reports))
    assert "cannot be made a mail" in run.reports[0].error
    assert server.mails == []


async def test_mail_goes_to_those_who_have_confirmed_and_says_who_has_not() -> None:
    server = Server()
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org", "b@example.org", unconfirmed=("b@example.org",))
        run.tell(n="t1")
        await run.until(lambda: bool(run.finished))
        assert (run.finished[0].outcome, run.finished[0].detail) == ("delivered", "b@example.org: not confirmed")
        # Refused for now; when it is tried again, its owner has blocked it.
        server.refuse = {"b@example.org": "450 4.2.0 greylisted"}
        run.mail_to("a@example.org", "b@example.org")
        run.tell(n="t2")
        await run.until(lambda: len(run.reports) == 2)
        run.mail_to("a@example.org", "b@example.org", unconfirmed=("b@example.org",))
        server.refuse = {}
        run.tick(3600)
        await run.until(lambda: len(run.finished) == 2)
        run.mail_to("b@example.org", unconfirmed=("b@example.org",))
        run.tell(n="t3")
        await run.until(lambda: len(run.finished) == 3)
    assert [(recipients, mail["To"]) for recipients, mail, _ in server.mails] == [
        (["a@example.org"], "a@example.org"),
        (["a@example.org"], "a@example.org, b@example.org"),
    ]
    assert (run.finished[1].outcome, run.finished[1].detail) == ("delivered", "b@example.org: not confirmed")
    assert (run.finished[2].outcome, run.finished[2].attempts) == ("unconfirmed", 0)
