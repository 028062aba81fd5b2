"""Mail to addresses outside ASCII, against real SMTP servers that offer SMTPUTF8 and that do not."""

import asyncio
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.mail_server import Server, bench, settings_of, smtp, text_of

BUREAU = "b\u00fcro@xn--bcher-kva.example"
OTHERS = ("\u4e2d\u6587@example.org", "\u0438\u0432\u0430\u043d@example.org")
NOT_OFFERED = "553 5.6.7: the mail server takes no address outside ASCII (it does not offer SMTPUTF8)"


async def test_a_server_that_offers_smtputf8_gets_them() -> None:
    """A mail of their own, so that nobody else depends on what the reader's server takes."""
    server = Server()
    async with smtp(server, enable_SMTPUTF8=True) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org", BUREAU, *OTHERS)
        run.tell()
        await run.until(lambda: bool(run.finished))
    assert (run.finished[0].outcome, run.finished[0].detail) == ("delivered", "")
    (plain, mail, content), (others, wide, raw) = server.mails
    assert plain == ["a@example.org"]
    assert mail["To"] == "a@example.org"
    assert content.isascii()
    assert others == [BUREAU, *OTHERS]
    assert f"To: a@example.org,\r\n {BUREAU},\r\n {OTHERS[0]},\r\n {OTHERS[1]}\r\n".encode() in raw
    assert wide["Message-ID"] == mail["Message-ID"]
    assert "Shop is down" in text_of(wide)
    assert server.senders == ["watch@example.org"] * 2


async def test_only_they_are_refused_where_it_is_not_offered() -> None:
    server = Server()
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org", BUREAU)
        run.tell()
        await run.until(lambda: bool(run.finished))
    [(recipients, _, _)] = server.mails
    assert recipients == ["a@example.org"]
    assert run.finished[0].outcome == "delivered"
    assert run.reports[0].again == ()  # it would be refused each time
    assert run.reports[0].error == f"{BUREAU}: {NOT_OFFERED}"


async def test_an_attempt_that_reaches_nobody_says_why() -> None:
    server = Server()
    async with smtp(server) as port, bench(settings_of(port)) as run:
        run.mail_to(BUREAU)
        run.tell()
        await run.until(lambda: bool(run.reports))
    assert server.mails == []
    assert (run.reports[0].status, run.reports[0].error) == (None, f"{BUREAU}: {NOT_OFFERED}")


@pytest.mark.parametrize("answer", ["451 4.3.0 later", "550 5.1.1 nobody"])
async def test_each_is_refused_for_itself(answer: str) -> None:
    server = Server()
    server.refuse[OTHERS[0]] = answer
    async with smtp(server, enable_SMTPUTF8=True) as port, bench(settings_of(port)) as run:
        run.mail_to(BUREAU, *OTHERS)
        run.tell()
        await run.until(lambda: bool(run.reports))
        assert server.mails[0][0] == [BUREAU, OTHERS[1]]
        assert run.reports[0].again == ((OTHERS[0],) if answer.startswith("4") else ())
        assert answer[:9] in run.reports[0].error
        server.refuse.clear()
        if answer.startswith("4"):
            run.tick(3600)
            await run.until(lambda: bool(run.finished))
            assert server.mails[1][0] == [OTHERS[0]]


async def test_the_second_mail_may_fail_and_the_first_is_not_sent_again() -> None:
    class Hangup(Server):
        """Closes the connection in the middle of each second mail, until it is told not to."""

        hang = True

        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
            if self.hang and len(self.mails) == 1:
                assert server.transport is not None
                server.transport.abort()
                await asyncio.sleep(0)
            return await super().handle_DATA(server, session, envelope) if not self._hangs() else "421 bye"

        def _hangs(self) -> bool:
            return self.hang and len(self.mails) == 1

    server = Hangup()
    async with smtp(server, enable_SMTPUTF8=True) as port, bench(settings_of(port)) as run:
        run.mail_to("a@example.org", BUREAU)
        run.tell()
        await run.until(lambda: bool(run.reports))
        assert run.reports[0].again == (BUREAU,)
        server.hang = False
        run.tick(3600)
        await run.until(lambda: bool(run.finished))
    assert [recipients for recipients, _, _ in server.mails] == [["a@example.org"], [BUREAU]]
    assert run.finished[0].outcome == "delivered"


async def test_the_sender_may_have_a_domain_outside_ascii() -> None:
    server = Server()
    sender: dict[str, Any] = {"smtp_from": "Wache <wache@b\u00fccher.example>"}
    async with smtp(server) as port, bench(settings_of(port, **sender)) as run:
        run.mail_to("a@example.org")
        run.tell()
        await run.until(lambda: bool(run.finished))
    assert server.senders == ["wache@xn--bcher-kva.example"]
    assert server.mails[0][1]["From"] == "Wache <wache@xn--bcher-kva.example>"
