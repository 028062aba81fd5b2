"""The pure half of a kind of probe: everything that is known of it without running a probe. One object for each kind.

The other half, which connects and asks, is the function `run` of the module with the same name in
`ingest/prober/probes/`. Both are found by the name of the kind.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from msgspec import UNSET, Struct
from msgspec.structs import replace

from schemas.errors import SchemaError
from schemas.host_names import InvalidHost, bare_host, encoded_host
from schemas.targets import ProbeTarget

F = TypeVar("F", bound=Struct)


class InvalidProbeField(SchemaError):
    """A request asks for what cannot be probed. The text names the field and says what to do."""


class NoFields(Struct):
    """A kind without fields of its own."""


class Asked(NamedTuple):
    """What a request says of where the target is; None: nothing."""

    url: str | None = None
    host: str | None = None
    port: int | None = None


class Place(NamedTuple):
    """Something that a probe reaches, and the field that names it. port None: any, or none."""

    field: str
    host: str
    port: int | None


class ProbeKind(Generic[F]):
    """A kind of probe. What a subclass does not say is that of a service at a host and a port.

    title: what people choose it by. healthy: what makes a target healthy, a sentence that begins with `Healthy if`.
    fields: the type of its own fields in requests; each has a name that no other kind uses, may be left out, and is
    described in its schema. failures: the ways in which only this kind fails, each with the words of an incident's
    cause. default_timeout: seconds; None: that of all monitors.
    in_dns: the host is only looked up, so that it may be any name of the DNS.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    healthy: ClassVar[str]
    fields: type[F]
    needs_port: ClassVar[bool] = False
    has_certificate: ClassVar[bool] = False
    default_port: ClassVar[str] = ""
    default_timeout: ClassVar[int | None] = None
    in_dns: ClassVar[bool] = False
    failures: ClassVar[Mapping[str, str]] = {}

    def target(self, asked: Asked, own: F, before: ProbeTarget) -> ProbeTarget:
        """`before`, changed as a request asks. Raises `InvalidProbeField`."""
        host = before.host if asked.host is None else asked.host
        port = before.port if asked.port is None else asked.port
        if not host:
            raise InvalidProbeField(f"Field 'host' is required for a monitor of type '{self.name}'.")
        if asked.host is not None:
            host = self._named(host)
        if self.needs_port and not port:
            raise InvalidProbeField(f"Field 'port' is required for a monitor of type '{self.name}'.")
        return replace(before, host=host, port=port)

    def _named(self, host: str) -> str:
        """A host as it is stored: as it was written, once it is known that it can be looked up."""
        try:
            encoded_host(host, self.in_dns)
        except InvalidHost as error:
            raise InvalidProbeField(f"Field 'host' {error}.") from None
        return bare_host(host)

    def shown(self, target: ProbeTarget) -> Mapping[str, Any]:
        """The kind's own fields in answers, named as in requests."""
        return {}

    def places(self, target: ProbeTarget) -> Iterator[Place]:
        """What a probe of this target reaches; each is checked before it is stored, and again when it is reached."""
        yield Place("host", target.host, target.port or None)

    def certificate(self, target: ProbeTarget) -> Place | None:
        """Where the target shows its certificate; None when a probe of it sees none."""
        return None

    def address(self, target: ProbeTarget) -> str:
        """The target as notices name it."""
        return f"{target.host}:{target.port}" if target.port else target.host

    def label(self, target: ProbeTarget) -> str:
        """The target as the dashboard shows it."""
        return f"{self.name} {self.address(target)}"


def given(value: Any, default: Any) -> Any:
    """What a request says of a field: left out, `default`; null, its empty value."""
    return default if value is UNSET else value or type(default)()
