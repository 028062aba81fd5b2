"""The sender while a secret is rotated: what it sends is signed with both until the overlap ends."""

import base64
from collections.abc import Mapping

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from infra.secrets.secrets import SecretError
from processors.sender.sender import Sender
from processors.sender.signatures import poppaping_signature
from processors.sender.webhooks import WebhookClient
from schemas.base import SECOND
from schemas.definitions import FormerSecret
from schemas.deliveries import Endpoint, EndpointDefined
from schemas.notices import NOTICES
from tests.sender_bench import LOOPBACK, SECRET, Bench, receiver

NEW = "whsec_" + base64.b64encode(bytes(range(24))).decode()


class Heard:
    """A receiver's requests: headers and bodies."""

    def __init__(self) -> None:
        self.all: list[tuple[Mapping[str, str], bytes]] = []

    async def take(self, request: web.BaseRequest) -> web.Response:
        self.all.append((dict(request.headers), await request.read()))
        return web.Response()

    def is_signed_with(self, secret: str) -> tuple[bool, bool]:
        """The newest one: by Standard Webhooks, and by PoppaPing."""
        headers, body = self.all[-1]
        try:
            Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
        except WebhookVerificationError:
            standard = False
        else:
            standard = True
        return standard, headers["X-PoppaPing-Signature"] == poppaping_signature(secret, body)


def rotate(bench: Bench, url: str, former: str = SECRET, seconds: int = 60) -> None:
    until = bench.now + seconds * SECOND
    endpoint = Endpoint(
        id="a",
        project="p",
        url=url,
        notices=NOTICES,
        secret=NEW,
        former_secrets=(FormerSecret(secret=former, until=until),),
    )
    bench.feed(("a", EndpointDefined(at=bench.now, endpoint=endpoint, secret_only=True)))


async def test_both_sign_until_the_overlap_ends() -> None:
    heard = Heard()
    async with receiver(heard.take) as url, WebhookClient(LOOPBACK) as client:
        bench = Bench(client)
        bench.define("a", url)
        bench.request("a", "before")
        await bench.until(lambda: len(heard.all) == 1)
        assert heard.is_signed_with(SECRET) == (True, True)
        rotate(bench, url)
        bench.request("a", "meanwhile")
        await bench.until(lambda: len(heard.all) == 2)
        assert (heard.is_signed_with(SECRET), heard.is_signed_with(NEW)) == ((True, True), (True, False))
        bench.tick(60)
        bench.request("a", "after")
        await bench.until(lambda: len(heard.all) == 3)
        assert (heard.is_signed_with(SECRET), heard.is_signed_with(NEW)) == ((False, False), (True, True))
        await bench.sender.close()


async def test_a_former_secret_that_cannot_be_decrypted_holds_up_nothing() -> None:
    heard = Heard()

    def decrypt(stored: str, *places: str) -> str:
        if stored == "of a lost key":
            raise SecretError("encrypted with another key")
        return stored

    async with receiver(heard.take) as url, WebhookClient(LOOPBACK) as client:
        bench = Bench(client)
        await bench.sender.close()
        bench.sender = Sender(client.post, bench.report, decrypt, clock=lambda: bench.now)
        bench.sender.assigned(0, {})
        rotate(bench, url, former="of a lost key")
        bench.request("a", "one")
        await bench.until(lambda: len(heard.all) == 1)
        assert heard.is_signed_with(NEW) == (True, True)
        await bench.sender.close()
