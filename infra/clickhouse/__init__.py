"""ClickHouse as a client sees it: connection, tables and their migrations, retention."""
