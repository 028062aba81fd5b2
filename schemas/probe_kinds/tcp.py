"""TCP: a connection to a port."""

from schemas.probe_kinds.kind import NoFields, ProbeKind


class Tcp(ProbeKind[NoFields]):
    name = "tcp"
    title = "TCP port"
    healthy = "Healthy if the port accepts a connection."
    fields = NoFields
    needs_port = True


KIND = Tcp()
