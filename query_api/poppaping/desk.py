"""What the routes of the PoppaPing API share: finding a monitor, asking for a change, answering with a monitor.

A monitor is called unknown only when the directory has seen everything committed before the request came. A change is
answered when what it made can be read back through this process, its running state among it.
"""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request, Response

from infra.decisions import NoVerdict
from query_api.auth import LOOK
from query_api.parts import Parts, TheParts
from query_api.poppaping.answers import Fault, one
from query_api.poppaping.monitor_object import monitor_object
from query_api.poppaping.plans import PLANS, Plan
from query_api.poppaping.uptimes import RecentUptimes
from schemas.definitions import ApiKey
from schemas.ids import is_uuid
from schemas.monitors import Monitor, Sealed
from schemas.requests import Decision, ProjectsRequest

_VISIBLE_WITHIN = 3.0

_sealed = msgspec.json.Decoder(Sealed).decode


class Desk:
    """One request: the parts, and the uptimes that monitors are shown with."""

    def __init__(self, parts: Parts, uptimes: RecentUptimes) -> None:
        self.parts, self.uptimes = parts, uptimes

    @property
    def plan(self) -> Plan:
        return PLANS[self.parts.settings.plan]

    async def monitor(self, key: ApiKey, id: str) -> Monitor:
        """The monitor with this id, if it is the caller's."""
        monitor = self.parts.directory.monitor(id)
        if monitor is None and is_uuid(id):
            if not await self.parts.definitions_replica.caught_up(LOOK):
                raise Fault(503, "The monitor cannot be looked up now.", headers={"Retry-After": "1"})
            monitor = self.parts.directory.monitor(id)
        if monitor is None or monitor.project != key.project:
            raise Fault(404, "Monitor not found.")
        return monitor

    async def ask(self, key: ApiKey, request: ProjectsRequest) -> Decision:
        """The verdict of the `projects` fold; a refusal ends the request in the form of the API."""
        try:
            decision = await self.parts.decisions.ask(key.project, request)
        except NoVerdict:
            raise Fault(
                503, "No decision in time; the change may still be made.", headers={"Retry-After": "1"}
            ) from None
        if decision.outcome == "refused":
            raise _fault(decision.reason)
        return decision

    async def result(self, decision: Decision) -> Monitor:
        """The monitor that a verdict names, read back with its running state."""
        id, parts = decision.id, self.parts

        def found() -> Monitor | None:
            monitor = parts.directory.monitor(id)
            return monitor if monitor is not None and monitor.version >= decision.version else None

        await parts.definitions_replica.wait(lambda: found() is not None, _VISIBLE_WITHIN)
        monitor = found()
        if monitor is None:
            raise Fault(503, "The change is made, but cannot be read back yet.", headers={"Retry-After": "1"})
        await parts.states_replica.wait(lambda: parts.monitor_states.version(id) >= monitor.version, _VISIBLE_WITHIN)
        return monitor

    def sealed(self, monitor: Monitor) -> Sealed:
        """What a monitor's probes send."""
        secret = monitor.target.sealed
        return _sealed(self.parts.decrypt(secret)) if secret else Sealed()

    def shown(self, monitor: Monitor) -> dict[str, Any]:
        """The monitor as this process can show it now."""
        return monitor_object(monitor, self.parts.monitor_states.state(monitor.id), self.sealed(monitor))

    def answer(self, monitor: Monitor, status: int = 200, **more: object) -> Response:
        """The answer with one monitor."""
        return one(self.shown(monitor) | more, status)


async def _desk(request: Request, parts: TheParts) -> Desk:
    return Desk(parts, request.app.state.uptimes)


TheDesk = Annotated[Desk, Depends(_desk)]


def _fault(reason: str) -> Fault:
    match reason:
        case "limit reached":
            return Fault(403, "Plan quota exceeded: no further monitor.", "plan_limit_reached")
        case "no such monitor":
            return Fault(404, "Monitor not found.")
        case "no such channel":
            return Fault(404, "Alert channel not found.")
        case "no such status page":
            return Fault(404, "Status page not found.")
        case _ if reason.startswith("no such component"):
            return Fault(400, f"Field 'components': {reason}.")
        case "no such project":
            return Fault(401, "Invalid API key.")
        case _ if "channel identifier" in reason:
            return Fault(400, f"Field 'alert_channel_ids': {reason}.")
        case _:
            return Fault(400, f"{reason.capitalize()}.")
