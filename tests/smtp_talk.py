"""A mail server that probes are tried on: it greets, takes commands and encrypts as it is told to."""

import asyncio
import ssl

GREETING = b"220 mail.test ESMTP\r\n"
PLAIN = b"250 mail.test\r\n"
OFFERED = b"250-mail.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"
GO = b"220 go ahead\r\n"


class MailServer:
    """Answers each command from `answers`; begins TLS with `context` after an answer 220 to STARTTLS. heard: commands,
    those that came encrypted in capitals, others in small letters."""

    def __init__(self, context: ssl.SSLContext | None = None, greeting: bytes = GREETING, **answers: bytes) -> None:
        self._context, self._greeting = context, greeting
        self._answers = {"ehlo": OFFERED if context else PLAIN, "starttls": GO, "quit": b"221 bye\r\n"} | answers
        self.heard: list[str] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._greeting)
        encrypted = False
        while line := await reader.readline():
            command = line.split()[0].decode().lower()
            self.heard.append(command.upper() if encrypted else command)
            answer = self._answers.get(command, b"500 what?\r\n")
            writer.write(answer)
            if command == "quit":
                await writer.drain()
                return
            if command == "starttls" and answer.startswith(b"220") and self._context is not None:
                await writer.start_tls(self._context)
                encrypted = True
