"""The history writer process; it takes checkpoints of the states, too, from which explanations begin."""

import asyncio

from infra.disk import Disk
from infra.log.cluster import cluster_of
from infra.process.lifecycle import Stop
from infra.process.tasks import persistent
from infra.settings.settings import Settings
from pingfold.addresses import clickhouse_of, kafka_of
from pingfold.folds import FOLDS
from processors.history.writer import HistoryWriter
from processors.refold.checkpoint_keeper import CheckpointKeeper
from processors.refold.log import KafkaLog

# The folds whose things can be explained.
_EXPLAINED = ("checks", "monitors")


async def write_history(settings: Settings, slot: str, stop: Stop) -> None:
    """Run until stopped."""
    located = settings.model_copy(
        update={"kafka_bootstrap_servers": kafka_of(settings), "clickhouse_url": clickhouse_of(settings)}
    )
    stop.started()
    keeping = persistent(lambda: _keep_checkpoints(located), name="checkpoints")
    try:
        await HistoryWriter(located, slot).run(stop)
    finally:
        keeping.cancel()


async def _keep_checkpoints(settings: Settings) -> None:
    bootstrap = cluster_of(settings, settings.kafka_bootstrap_servers or "")
    log = await asyncio.to_thread(KafkaLog, bootstrap)
    folds = [fold for fold in FOLDS if fold.name in _EXPLAINED]
    disk = Disk(settings, "no checkpoint is taken")
    await CheckpointKeeper(log, folds, settings.data / "checkpoints", disk).run()
