"""TLS: a handshake with a port that begins with one."""

from schemas.probe_kinds.kind import NoFields, Place, ProbeKind
from schemas.targets import ProbeTarget


class Tls(ProbeKind[NoFields]):
    name = "tls"
    title = "TLS certificate"
    healthy = "Healthy if a TLS handshake ends with a certificate that is trusted, and valid for the host now."
    fields = NoFields
    needs_port = True
    has_certificate = True

    def certificate(self, target: ProbeTarget) -> Place | None:
        return Place("host", target.host, target.port)


KIND = Tls()
