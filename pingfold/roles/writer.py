"""The history writer process."""

from infra.process.lifecycle import Stop
from infra.settings.settings import Settings
from pingfold.addresses import clickhouse_of, kafka_of
from processors.history.writer import HistoryWriter


async def write_history(settings: Settings, slot: str, stop: Stop) -> None:
    """Run until stopped."""
    located = settings.model_copy(
        update={"kafka_bootstrap_servers": kafka_of(settings), "clickhouse_url": clickhouse_of(settings)}
    )
    stop.started()
    await HistoryWriter(located, slot).run(stop)
