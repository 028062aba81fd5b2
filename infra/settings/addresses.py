"""Under which addresses the world knows this Pingfold: a part of `infra.settings.settings.Settings`."""

from functools import cached_property
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from infra.settings.listening import ListeningSettings
from infra.settings.urls import parse_base_url, parse_ping_endpoint, prefixes_of


class AddressSettings(ListeningSettings):
    """Public addresses, and what is made of them; where there are none, that of the web process on its own host."""

    # What the world calls us, without a slash at the end; a path prefix may be in it, which a proxy may take away.
    public_url: Annotated[str | None, Field(validation_alias="PINGFOLD_BASE_URL")] = None
    ping_endpoint: str | None = None

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str | None) -> str | None:
        return None if value is None else parse_base_url(value)

    @field_validator("ping_endpoint")
    @classmethod
    def _ping_endpoint(cls, value: str | None) -> str | None:
        return None if value is None else parse_ping_endpoint(value)

    @property
    def base_url(self) -> str:
        """The address people use, without a slash at the end."""
        return self.public_url or self.local_url

    @cached_property
    def path_prefixes(self) -> tuple[str, ...]:
        """Paths below which everything is served, too: those of the public addresses."""
        return prefixes_of(self.public_url, self.ping_endpoint)

    @cached_property
    def root(self) -> str:
        """What the paths of our own links begin with: the path of the base URL, as it is written; empty for none."""
        return urlsplit(self.base_url).path

    @cached_property
    def ping_base(self) -> str:
        """What comes before `<uuid>` in a displayed ping URL; ends with a slash."""
        return self.ping_endpoint or f"{self.base_url}/ping/"

    @property
    def pulse_base(self) -> str:
        """What pulse URLs begin with; the token and the key of a check follow."""
        return f"{self.ping_endpoint or f'{self.base_url}/'}pulse/"
