"""SMTP: a mail server that greets, takes EHLO, and encrypts as it is asked to. Pingfold's own."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from schemas.probe_kinds.kind import Asked, Place, ProbeKind
from schemas.targets import ProbeTarget

Tls = Literal["if_offered", "required", "never", "implicit"]
DEFAULT: Tls = "if_offered"
_PORT, _PORT_OF_TLS = 25, 465


class SmtpFields(Struct):
    smtp_tls: (
        Annotated[
            Tls,
            Meta(
                description="How the connection is encrypted; left out: `if_offered`. `required`: by STARTTLS, and the "
                "target is unhealthy without it. `if_offered`: by STARTTLS where the server offers it. `never`: not at "
                "all. `implicit`: from the first byte on. A certificate that is shown must be valid."
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class Smtp(ProbeKind[SmtpFields]):
    name = "smtp"
    title = "Mail server (SMTP)"
    healthy = (
        "Healthy if the server greets (220), takes EHLO (250), and encrypts as `smtp_tls` asks with a certificate that "
        "is trusted, and valid for the host now. No mail is sent."
    )
    fields = SmtpFields
    has_certificate = True
    default_port = "25, or 465 with `implicit`"
    failures: ClassVar = {"answer": "Unexpected answer"}

    def target(self, asked: Asked, own: SmtpFields, before: ProbeTarget) -> ProbeTarget:
        former = tls_of(before)
        tls = former if own.smtp_tls is UNSET else own.smtp_tls or DEFAULT
        # A port that nobody has chosen goes with the encryption.
        chosen = before.port if before.port != usual_port(former) and asked.port is None else 0
        placed = super().target(asked._replace(port=asked.port or chosen or usual_port(tls)), own, before)
        return replace(placed, options={"tls": tls})

    def certificate(self, target: ProbeTarget) -> Place | None:
        return (
            None if tls_of(target) == "never" else Place("host", target.host, target.port or usual_port(tls_of(target)))
        )

    def shown(self, target: ProbeTarget) -> Mapping[str, Any]:
        return {"smtp_tls": tls_of(target)}


KIND = Smtp()


def tls_of(target: ProbeTarget) -> Tls:
    """How a target is to be encrypted; a word of a later version counts as the strictest."""
    word = target.options.get("tls", DEFAULT)
    return next((tls for tls in get_args(Tls) if tls == word), "required")


def usual_port(tls: Tls) -> int:
    """The port of a target that names none."""
    return _PORT_OF_TLS if tls == "implicit" else _PORT
