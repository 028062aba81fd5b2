"""Questions to history in ClickHouse: pings, results, deliveries, incidents, uptime."""
