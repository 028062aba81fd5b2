"""`pingfold migrate`: creates and alters the topics and tables of this release."""

import typer

from infra.clickhouse import analytics, migrations, retention
from infra.log import admin
from infra.log.retention import format_retention, topic_retention
from infra.settings.ignored import fixed_partitions
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of, clickhouse_of


def migrate() -> None:
    """Create missing topics in Kafka and missing tables and views in ClickHouse, and apply the retention
    settings.

    `pingfold up` does this at each start.

    Example: PINGFOLD_RETENTION_PINGS=90d pingfold migrate
    """
    settings = Settings()
    count = admin.migrate(answering_kafka_of(settings), settings.partitions, retention_ms=topic_retention(settings))
    if remark := fixed_partitions(settings, count):
        typer.echo(remark)
    applied = migrations.migrate(clickhouse_of(settings))
    retention.apply(clickhouse_of(settings), settings)
    views = analytics.apply(clickhouse_of(settings), settings)
    typer.echo(f"topics: {count} partitions each; tables: {', '.join(applied) or 'up to date'}")
    typer.echo(f"views for analysts: {settings.analytics_database if views else 'none'}")
    typer.echo(f"kept: {format_retention(settings)}")
