"""A small OpenID Connect provider on the loopback: it knows one client, sends people back at once, and signs ID tokens.

It checks what a provider checks: the client's password, the address to come back to, and the verifier of PKCE; a code
is good once.
"""

import hashlib
import json
import time
from base64 import b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

CLIENT, SECRET = "pingfold", "s3cret: with + and ü"


class OpenIdService:
    """claims: what the next ID token says beside the usual, or instead. key: that it is signed with; published: the one
    that is shown to others. algorithm: how.
    broken: status of every answer but the one that sends people back."""

    def __init__(self, redirect_uri: str) -> None:
        self.url = ""
        self.key = self.published = new_key()
        self.algorithm = "ES256"
        self.claims: dict[str, Any] = {"sub": "1001", "email": "ann@example.org", "email_verified": True, "name": "Ann"}
        self.broken = 0
        self.asked = 0
        self._redirect_uri = redirect_uri
        self._codes: dict[str, dict[str, str]] = {}

    def authorize(self, query: str) -> str:
        """What a browser is sent to that opens the address of `authorization_endpoint`: the person says yes."""
        given = {name: values[0] for name, values in parse_qs(query).items()}
        assert given["client_id"] == CLIENT
        assert given["redirect_uri"] == self._redirect_uri
        assert (given["response_type"], given["code_challenge_method"]) == ("code", "S256")
        assert "openid" in given["scope"].split()
        code = f"code {len(self._codes)}"
        self._codes[code] = given
        return f"{self._redirect_uri}?{urlencode({'code': code, 'state': given['state']})}"

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.asked += 1
        if self.broken:
            return web.Response(status=self.broken)
        match request.path:
            case "/.well-known/openid-configuration":
                paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
                said = {name: f"{self.url}/{path}" for name, path in paths.items()}
                return web.json_response({"issuer": self.url} | said)
            case "/keys":
                return web.json_response({"keys": [self.published.as_dict(private=False)]})
            case "/token":
                return self._token(request, await request.text())
        return web.Response(status=404)

    def _token(self, request: web.BaseRequest, body: str) -> web.Response:
        given = {name: values[0] for name, values in parse_qs(body).items()}
        login = web_login(request)
        asked = self._codes.pop(given.get("code", ""), None)
        challenge = urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if login != (CLIENT, SECRET) or asked is None or asked["code_challenge"] != challenge.decode():
            return web.json_response({"error": "invalid_grant"}, status=400)
        assert given["redirect_uri"] == self._redirect_uri
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]} | self.claims
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": self._signed(claims)})

    def _signed(self, claims: dict[str, Any]) -> str:
        told = {name: value for name, value in claims.items() if value is not None}
        if self.algorithm == "none":
            head, body = (urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in ({"alg": "none"}, told))
            return f"{head.decode()}.{body.decode()}."
        key = OctKey.import_key(SECRET) if self.algorithm == "HS256" else self.key
        return jwt.encode({"alg": self.algorithm, "kid": "k1"}, told, key, algorithms=[self.algorithm])


def new_key() -> ECKey:
    """A key, under the name that all of them have."""
    return ECKey.generate_key("P-256", parameters={"kid": "k1"})


def web_login(request: web.BaseRequest) -> tuple[str, str]:
    """Name and password of the client, as RFC 6749 (2.3.1) writes them."""
    name, _, password = b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")
    return unquote_plus(name), unquote_plus(password)
