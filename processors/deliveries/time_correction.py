"""What becomes of deliveries whose partition's time is taken back (`processors.fold.time_correction`). Pure."""

from msgspec.structs import replace

from processors.fold.time_correction import not_after
from processors.fold.view import View
from schemas.base import Micros
from schemas.deliveries import Delivery, EndpointHealth
from schemas.gatherings import Gathering


def correct_deliveries(view: View, before: Micros, time: Micros) -> None:
    """What waited goes on waiting as long as it would have, had the time never run ahead of `time` to `before`."""
    for key, record in sorted(view.items()):
        match record:
            case Delivery():
                due = record.due if record.due is None or record.due <= time else time + max(0, record.due - before)
                view.put(key, replace(record, due=due, first_due=min(record.first_due, time)))
            case Gathering():
                until = record.until if record.until <= time else time + max(0, record.until - before)
                view.put(key, replace(record, until=until, began=min(record.began, time)))
            case EndpointHealth():
                health = view.edit(EndpointHealth, key)
                health.failing_since = not_after(record.failing_since, time)
                health.last_success = not_after(record.last_success, time)
                health.muted_at = not_after(health.muted_at, time)
