"""Where the web process listens, and with which certificates: a part of `infra.settings.settings.Settings`."""

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode

from schemas.servers import Server, parse_server

_TLS_PORT = 8_443


class ListeningSettings(BaseSettings):
    """Addresses, ports and files."""

    # Addresses where the web process listens, separated by commas.
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    # HTTPS: the full chains in PEM and their keys, in the same order (none: in the same files), and where it is spoken
    # (none: on port 8443 of every address of `host`). The plain port stays.
    tls_certificate: Annotated[tuple[Path, ...], NoDecode] = ()
    tls_key: Annotated[tuple[Path, ...], NoDecode] = ()
    tls_listen: Annotated[tuple[Server, ...], NoDecode] = ()

    @field_validator("host")
    @classmethod
    def _hosts(cls, value: str) -> str:
        if not value.replace(",", "").strip():
            raise ValueError("addresses are expected, such as 127.0.0.1 or 0.0.0.0,::")
        return value

    @field_validator("tls_certificate", "tls_key", mode="before")
    @classmethod
    def _files(cls, value: object) -> object:
        if isinstance(value, Path) or (isinstance(value, str) and os.path.exists(value)):
            return (value,)  # with a comma in its name, maybe
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("tls_listen", mode="before")
    @classmethod
    def _tls_addresses(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(parse_server(part.strip(), _TLS_PORT) for part in value.split(",") if part.strip())
        return value

    @field_validator("tls_key", "tls_listen")
    @classmethod
    def _with_certificate(cls, value: tuple[object, ...], info: ValidationInfo) -> tuple[object, ...]:
        certificates = info.data.get("tls_certificate")
        if value and certificates == ():
            raise ValueError("PINGFOLD_TLS_CERTIFICATE is expected, too: the full chain, in PEM")
        if value and certificates and info.field_name == "tls_key" and len(value) != len(certificates):
            raise ValueError(
                f"a key for each certificate is expected, in the same order: PINGFOLD_TLS_CERTIFICATE has "
                f"{len(certificates)}, and there are {len(value)} keys"
            )
        return value

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """The addresses of `host`, each once."""
        return tuple(dict.fromkeys(part.strip() for part in self.host.split(",") if part.strip()))

    @cached_property
    def tls_pairs(self) -> tuple[tuple[Path, Path], ...]:
        """Each certificate with its key."""
        return tuple(zip(self.tls_certificate, self.tls_key or self.tls_certificate, strict=True))

    @cached_property
    def tls_addresses(self) -> tuple[Server, ...]:
        """Where TLS is spoken; nowhere without a certificate."""
        if not self.tls_certificate:
            return ()
        return self.tls_listen or tuple((host, _TLS_PORT) for host in self.hosts)

    @cached_property
    def local_url(self) -> str:
        """The address of the web process on its own host, without a slash at the end."""
        host = _local_host(self.hosts)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def _local_host(hosts: tuple[str, ...]) -> str:
    """The address of a listener by which it is reached on its own host."""
    for host in hosts:
        if host in ("127.0.0.1", "::1", "localhost"):
            return host
    if "0.0.0.0" in hosts or set(hosts) == {"::"}:
        return "127.0.0.1"
    return "::1" if "::" in hosts else hosts[0]
