"""ICMP: echoes."""

from schemas.probe_kinds.kind import NoFields, ProbeKind


class Icmp(ProbeKind[NoFields]):
    name = "icmp"
    title = "Host, by echo (ping)"
    healthy = "Healthy if the host answers one of three echoes."
    fields = NoFields


KIND = Icmp()
