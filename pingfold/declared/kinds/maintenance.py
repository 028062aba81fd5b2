"""Windows of maintenance, by the PoppaPing API. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pingfold.declared.kinds.kind import Fault, Faults, Judged, Kind, Rules, as_answered
from pingfold.declared.kinds.poppaping import judging
from pingfold.declared.things import Fields
from query_api.poppaping.bodies import judged
from query_api.poppaping.maintenance_bodies import CreateMaintenanceWindowBody, must_be_a_window, window_of
from query_api.poppaping.maintenance_object import maintenance_object
from schemas.maintenance import Maintenance

_NAMES = ("name", "starts_at", "ends_at", "schedule", "timezone", "duration_minutes", "tags")
_ONCE, _RECURRING = {"starts_at", "ends_at"}, {"schedule", "duration_minutes"}
_REFERENCES = ("monitors", "checks")


class Windows(Kind):
    section, title = "maintenance", "window of maintenance"
    path = "/api/v1/maintenance-windows"

    def judged(self, key: str, given: Fields, rules: Rules) -> Judged:
        body = {name: value for name, value in given.items() if name not in (*_REFERENCES, "formerly")}
        told = {name for name, value in body.items() if value is not None}
        if not told >= _ONCE and not told >= _RECURRING:
            raise Faults([Fault("", "give 'starts_at' and 'ends_at', or 'schedule' and 'duration_minutes'")])
        with judging():
            wanted = judged(body | {"name": key}, CreateMaintenanceWindowBody)
            window = window_of(wanted, 0)
            must_be_a_window(window)
        assert not isinstance(window, msgspec.UnsetType)
        tags = tuple(sorted(set(given.get("tags") or ())))
        made = Maintenance(
            id="", project="", version=1, created=0, revised=0, name=key, window=window, tags=tags, everything=True
        )
        fields = self.shown(as_answered(maintenance_object(made, 0)))
        return Judged(fields | {name: sorted(set(given.get(name) or ())) for name in _REFERENCES})

    def shown(self, answer: Mapping[str, Any]) -> Fields:
        fields = {name: answer[name] for name in _NAMES}
        return fields | {"monitors": sorted(answer["monitor_ids"]), "checks": sorted(answer["check_ids"])}

    def body(self, fields: Fields, secrets: Mapping[str, Any], managed_by: str | None, known: bool) -> Fields:
        told = {name: value for name, value in fields.items() if name not in _REFERENCES and value is not None}
        told |= {"monitor_ids": fields["monitors"], "check_ids": fields["checks"]}
        return told if managed_by is None else told | {"managed_by": managed_by}


MAINTENANCE = Windows()
