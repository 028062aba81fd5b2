"""Forms that people send: read within bounds, and taken only from pages of ours.

A browser says where a form comes from, by `Sec-Fetch-Site` or `Origin`: what another site sends is refused. Each form
holds a token of its session beside that (`form_token` in templates), so that a page that only looks like one of ours
changes nothing. `posted_form` is the dependency of every route that takes one; `form_token(viewer)` makes the token.

A form whose session has ended is not lost: `carry` packs it into the page that asks to sign in, signed, and `carried`
reads it from there. What was typed as a password or a code is left out.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Request

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.web.forms.taken_forms import must_be_new
from query_api.web.viewer import Viewer, ViewerDep
from schemas.ids import is_uuid
from schemas.origins import origin_of

TOKEN = "form_token"
_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 500
_MOST_CARRIED = 12_000
_LONGEST_PATH = 1_000
# So long is the random number at the head of a token.
_NUMBER = 12
# What is not shown again by a page.
_SECRET = ("password", "code")

Fields = list[tuple[str, str]]


@dataclass(frozen=True)
class PostedForm:
    """The fields of a form, in their order, without its token."""

    viewer: Viewer
    fields: Fields

    def one(self, name: str) -> str:
        """The value of a field, without blanks around it; empty: it is not there."""
        return one(self.fields, name)

    def raw(self, name: str) -> str:
        """The value of a field as it was typed, as a password is."""
        return raw(self.fields, name)

    def all(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for other, value in self.fields if other == name]

    @property
    def once(self) -> str:
        """The key of what the form makes, as its page gave it; empty: it has none, or one that no page gives."""
        key = self.one("once")
        return key if is_uuid(key) else ""


async def posted_form(request: Request, deps: DependenciesDep, viewer: ViewerDep) -> PostedForm:
    """The form that a request sends from a page of ours. Raises `ApiError`."""
    must_be_ours(request, deps)
    fields = read_fields(request, await request.body())
    shown = next((value for name, value in fields if name == TOKEN), "")
    if not hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), _token(deps, viewer, shown[:_NUMBER]).encode()):
        raise ApiError(403, "the form is not of your session: open its page again, and send it from there")
    sent = [field for field in fields if field[0] != TOKEN]
    mark = _mark(request.url.path, shown, sent)
    must_be_new(request, mark)
    return PostedForm(replace(viewer, form=mark), sent)


PostedFormDep = Annotated[PostedForm, Depends(posted_form)]


def form_token(deps: Dependencies, viewer: Viewer) -> str:
    """What every form of this viewer's session holds in the field `form_token`: a random number, and what proves it."""
    return _token(deps, viewer, secrets.token_urlsafe(9))


def _token(deps: Dependencies, viewer: Viewer, number: str) -> str:
    session = viewer.session
    of = b"basic" if session is None else session.nonce + session.person.encode()
    return number + deps.people_tokens.form_token(of + number.encode("utf-8", "surrogatepass"))


def _mark(path: str, token: str, fields: Fields) -> str:
    """What tells a form from others: the page that it stood on, where it is sent, and what it says. Who goes back to a
    page and sends something else from there means something else."""
    return hashlib.sha256(json.dumps([path, token, fields]).encode()).hexdigest()[:32]


def must_be_ours(request: Request, deps: Dependencies) -> None:
    """Ends a request with 403 that a browser sends from a page of another site."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    elif origin is not None:
        shown = origin_of(origin)  # empty for `null`, which a frame that is shut in says
        ours = bool(shown) and shown in (origin_of(deps.settings.base_url), origin_of(str(request.base_url)))
    else:
        ours = True  # no browser of these years leaves out both
    if not ours:
        raise ApiError(403, "the form was sent from another site")


def read_fields(request: Request, body: bytes) -> Fields:
    """The fields of a form. Raises `ApiError`."""
    if body and request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise ApiError(415, f"a form is expected ({_TYPE})")
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )  # fmt: skip
    except ValueError:
        raise ApiError(400, f"a form of at most {_MOST_FIELDS} fields in UTF-8 is expected") from None


def one(fields: Fields, name: str) -> str:
    """The value of a field, without blanks around it; empty: it is not there."""
    return next((value.strip() for other, value in fields if other == name), "")


def raw(fields: Fields, name: str) -> str:
    """The value of a field as it was typed; empty: it is not there."""
    return next((value for other, value in fields if other == name), "")


def carry(deps: Dependencies, path: str, fields: Fields) -> str:
    """A form to be sent to `path` after the sign-in, as a field of that; empty when it is too large."""
    kept = [(name, value) for name, value in fields if name != TOKEN and not any(word in name for word in _SECRET)]
    packed = json.dumps([path, kept], ensure_ascii=False)
    if len(packed.encode("utf-8", "surrogatepass")) > _MOST_CARRIED:
        return ""
    return f"{deps.people_tokens.signature_of(packed)}{packed}"


def carried(deps: Dependencies, text: str) -> tuple[str, Fields] | None:
    """Path and fields of a form that `carry` has packed; None for anything else."""
    signature, packed = text[:64], text[64:]
    if not packed or not hmac.compare_digest(signature.encode(), deps.people_tokens.signature_of(packed).encode()):
        return None
    path, fields = json.loads(packed)
    return path, [(name, value) for name, value in fields]


def local_path(text: str) -> str:
    """A path of this site, with its query, that `text` is; `/` for anything else, and for what signs in or out."""
    if len(text) > _LONGEST_PATH or not text.startswith("/") or text.startswith(("//", "/\\")):
        return "/"
    if not text.isascii() or not text.isprintable() or "\\" in text:
        return "/"
    parts = urlsplit(text)
    is_sign = parts.path.startswith(("/sign-in", "/sign-out"))
    return "/" if parts.scheme or parts.netloc or is_sign else text
