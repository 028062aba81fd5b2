"""An OpenID Connect provider (OpenID Connect Core 1.0, code flow with PKCE): where people are sent, and who came back.

The operator chooses the issuer, so it is reached without the guard; every answer of it is bounded in time and size.
What a person is, stands in the ID token only: its signature, issuer, audience, times and nonce are checked by
`joserfc`, with the keys that the provider publishes at that moment. `none` and symmetric signatures are not accepted.
"""

import asyncio
import hashlib
import time
from base64 import urlsafe_b64encode
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from infra.errors import InfraError
from infra.settings.settings import Settings

_SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_SECONDS, _MOST_BYTES = 10.0, 1_000_000
# So long what the provider says of itself is kept.
_KEPT_SECONDS = 600.0
_LEEWAY = 60


class ProviderFailed(InfraError):
    """The provider did not answer, or not as it must."""


class Identity(NamedTuple):
    """Who came back. subject: never given to another by this provider. mail: one that the provider has verified."""

    subject: str
    mail: str
    name: str


class _Described(msgspec.Struct):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _Tokens(msgspec.Struct):
    id_token: str


class OpenIdProvider:
    """The provider that the settings name. redirect_uri: where it sends people back to."""

    def __init__(self, settings: Settings, redirect_uri: str) -> None:
        assert settings.oidc_issuer is not None
        self._issuer, self._redirect_uri = settings.oidc_issuer, redirect_uri
        self._client, self._secret = settings.oidc_client_id or "", settings.oidc_client_secret or ""
        self._described: tuple[float, _Described] | None = None

    async def authorization_url(self, state: str, nonce: str, verifier: str) -> str:
        """Where a person is sent. Raises `ProviderFailed`."""
        described = await self._describe()
        query = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        endpoint = described.authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def identity(self, code: str, nonce: str, verifier: str) -> Identity:
        """Who has come back with a code. Raises `ProviderFailed`."""
        described = await self._describe()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        given = await self._ask(described.token_endpoint, form)
        keys = await self._ask(described.jwks_uri)
        try:
            tokens = msgspec.json.decode(given, type=_Tokens)
            key_set = KeySet.import_key_set(msgspec.json.decode(keys))
            # In a thread: it counts with large numbers.
            token = await asyncio.to_thread(jwt.decode, tokens.id_token, key_set, list(_SIGNATURES))
            return self._judged(token.claims, nonce)
        except (msgspec.DecodeError, JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProviderFailed(f"its token is not accepted: {type(error).__name__}") from error

    def _judged(self, claims: dict[str, Any], nonce: str) -> Identity:
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
        )
        registry.validate(claims)
        audience = claims["aud"]
        party = claims.get("azp")
        if (isinstance(audience, list) and len(audience) > 1 and party is None) or party not in (None, self._client):
            raise ProviderFailed("its token is for another client")
        subject, mail = claims["sub"], claims.get("email")
        if not isinstance(subject, str) or not subject or not isinstance(mail, str):
            raise ProviderFailed("its token names no mail address")
        if claims.get("email_verified") is not True:
            raise ProviderFailed("it has not verified the mail address")
        name = claims.get("name")
        return Identity(subject, mail, name if isinstance(name, str) else "")

    async def _describe(self) -> _Described:
        if self._described is not None and time.monotonic() - self._described[0] < _KEPT_SECONDS:
            return self._described[1]
        text = await self._ask(f"{self._issuer.removesuffix('/')}/.well-known/openid-configuration")
        try:
            described = msgspec.json.decode(text, type=_Described)
        except msgspec.DecodeError as error:
            raise ProviderFailed(f"what it says of itself cannot be read: {error}") from error
        if described.issuer != self._issuer:
            raise ProviderFailed(f"it says that it is {described.issuer}")
        self._described = time.monotonic(), described
        return described

    async def _ask(self, url: str, form: dict[str, str] | None = None) -> bytes:
        login = None if form is None else httpx.BasicAuth(_quoted(self._client), _quoted(self._secret))
        try:
            async with (
                asyncio.timeout(_SECONDS),
                httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream("GET" if form is None else "POST", url, data=form, auth=login) as answer,
            ):
                body = bytearray()
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise ProviderFailed("its answer is too long")
                if answer.status_code != 200:
                    raise ProviderFailed(f"it answers {answer.status_code}")
                return bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            raise ProviderFailed(f"it does not answer: {type(error).__name__}") from error


def _quoted(text: str) -> str:
    """As a name or password of a client stands in HTTP Basic (RFC 6749, 2.3.1)."""
    return urlencode({"": text})[1:]


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
