"""TLS: a handshake with a port that begins with one."""

from schemas.probe_kinds.kind import NoFields, ProbeKind


class Tls(ProbeKind[NoFields]):
    name = "tls"
    healthy = "Healthy if a TLS handshake ends with a certificate that is trusted, and valid for the host now."
    fields = NoFields
    needs_port = True
    has_certificate = True


KIND = Tls()
