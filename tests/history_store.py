"""A ClickHouse database of its own, filled as the history writer fills it, with a clock of its own."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from infra.clickhouse.address import Address
from infra.clickhouse.client import connect
from processors.history.roll_ups import RollUp, roll_up
from processors.history.rows import PROBES, probe_row, transition_row
from schemas.base import Micros, encode
from schemas.probes import ProbeCompleted
from schemas.transitions import StatusChanged, ValidityTold


class HistoryStore:
    def __init__(self, client: Client, *kinds: RollUp) -> None:
        self.client, self.kinds = client, kinds
        self.time = datetime.now(UTC) + timedelta(hours=1)  # of the server, ahead of its own

    def insert_events(self, events: Iterable[tuple[str, ProbeCompleted]]) -> None:
        """Results of monitors, by id."""
        rows = []
        for monitor, event in events:
            row = probe_row(monitor.encode(), encode(event))
            assert row is not None
            rows.append((*row, self.time))
        columns, types = (*PROBES.columns, "inserted_at"), (*PROBES.types, "DateTime('UTC')")
        self.client.insert(PROBES.name, rows, columns, column_type_names=types)

    def tell(self, *changes: StatusChanged | ValidityTold) -> None:
        """What a fold said, each of it twice."""
        for change in changes:
            for _ in range(2):
                found = transition_row(0, 0, encode(change))
                assert found is not None
                table, row = found
                self.client.insert(table.name, [row], table.columns, column_type_names=table.types)

    def roll_up(self) -> None:
        for kind in self.kinds:
            roll_up(self.client, kind)

    def settle(self) -> None:
        """Roll up, and let so much time pass that what is rolled up now is read from there."""
        self.roll_up()
        self.time += timedelta(seconds=1)
        for kind in self.kinds:
            parameters = {"source": kind.source, "time": self.time}
            self.client.command("INSERT INTO rolled_up SELECT {source:String}, {time:DateTime('UTC')}", parameters)

    def expire(self, until: Micros) -> None:
        self.client.command(
            f"DELETE FROM probe_results WHERE toUnixTimestamp64Micro(slot) < {until}"
            " SETTINGS lightweight_deletes_sync = 2"
        )

    def number(self, what: str) -> int:
        return int(self.client.query(f"SELECT {what}").result_rows[0][0])


@contextmanager
def connected(address: Address) -> Iterator[Client]:
    """A client for a database that is dropped afterwards."""
    client = connect(address)
    yield client
    client.command(f"DROP DATABASE {address.database}")
    client.close()
