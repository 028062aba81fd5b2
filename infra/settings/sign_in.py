"""How people sign in: a part of `infra.settings.settings.Settings`."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from infra.settings.domain_names import parse_domain_name
from infra.settings.durations import parse_duration


def _session(value: object) -> object:
    if not isinstance(value, str):
        return value
    if (seconds := parse_duration(value)) is None:
        raise ValueError("a duration is expected, such as 12h or 30d: no session lasts for ever")
    return seconds


# Seconds.
Session = Annotated[int, BeforeValidator(_session), Field(ge=300, le=365 * 86_400)]


class SignInSettings(BaseSettings):
    """Sessions, and the OpenID Connect provider."""

    # How long a person stays signed in: since he was last seen, and in all.
    session_idle: Session = 7 * 86_400
    session_longest: Session = 30 * 86_400
    # The OpenID Connect provider at which people may sign in; without an issuer there is none. domains: of their mail
    # addresses; empty: any. name: on the link of the sign-in page.
    oidc_issuer: Annotated[str | None, Field(pattern=r"^https?://[!-~]+$")] = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = Field(None, repr=False)
    oidc_domains: Annotated[tuple[str, ...], NoDecode] = ()
    oidc_name: str = Field("OpenID Connect", max_length=100)

    @field_validator("oidc_domains", mode="before")
    @classmethod
    def _domains(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(parse_domain_name(part) for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _whole_provider(self) -> Self:
        if self.oidc_issuer is not None and not (self.oidc_client_id and self.oidc_client_secret):
            raise ValueError("PINGFOLD_OIDC_ISSUER needs PINGFOLD_OIDC_CLIENT_ID and PINGFOLD_OIDC_CLIENT_SECRET")
        return self
