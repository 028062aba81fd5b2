"""What imports are tried on: a database and a backup of Uptime Kuma, and a configuration of Gatus."""

import json
import sqlite3
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE monitor (id INTEGER PRIMARY KEY, name VARCHAR(150), active BOOLEAN DEFAULT 1, interval INTEGER DEFAULT 60,
  url TEXT, type VARCHAR(20), hostname VARCHAR(255), port INTEGER, keyword VARCHAR(255), maxretries INTEGER DEFAULT 0,
  ignore_tls BOOLEAN DEFAULT 0, upside_down BOOLEAN DEFAULT 0, maxredirects INTEGER DEFAULT 10,
  accepted_statuscodes_json TEXT DEFAULT '["200-299"]', dns_resolve_type VARCHAR(5), dns_resolve_server VARCHAR(255),
  retry_interval INTEGER DEFAULT 0, push_token VARCHAR(20), method TEXT DEFAULT 'GET', body TEXT, headers TEXT,
  basic_auth_user TEXT, basic_auth_pass TEXT, auth_method VARCHAR(250), proxy_id INTEGER, parent INTEGER,
  invert_keyword BOOLEAN DEFAULT 0, timeout DOUBLE DEFAULT 48, http_body_encoding VARCHAR(25), description TEXT,
  resend_interval INTEGER DEFAULT 0, conditions TEXT DEFAULT '[]');
CREATE TABLE notification (id INTEGER PRIMARY KEY, name VARCHAR(255), active BOOLEAN, is_default BOOLEAN, config TEXT);
CREATE TABLE monitor_notification (id INTEGER PRIMARY KEY, monitor_id INTEGER, notification_id INTEGER);
CREATE TABLE tag (id INTEGER PRIMARY KEY, name VARCHAR(255), color VARCHAR(255));
CREATE TABLE monitor_tag (id INTEGER PRIMARY KEY, monitor_id INTEGER, tag_id INTEGER, value TEXT);
CREATE TABLE maintenance (id INTEGER PRIMARY KEY, title VARCHAR(150), description TEXT, active BOOLEAN DEFAULT 1,
  strategy VARCHAR(50), start_date DATETIME, end_date DATETIME, start_time TIME, end_time TIME, weekdays VARCHAR(250),
  days_of_month TEXT, interval_day INTEGER, cron TEXT, timezone VARCHAR(255), duration INTEGER);
CREATE TABLE monitor_maintenance (id INTEGER PRIMARY KEY, monitor_id INTEGER, maintenance_id INTEGER);
CREATE TABLE status_page (id INTEGER PRIMARY KEY, slug VARCHAR(255), title VARCHAR(255), description TEXT,
  published BOOLEAN DEFAULT 1, password VARCHAR);
CREATE TABLE "group" (id INTEGER PRIMARY KEY, name VARCHAR(255), weight INTEGER DEFAULT 1000, status_page_id INTEGER);
CREATE TABLE monitor_group (id INTEGER PRIMARY KEY, monitor_id INTEGER, group_id INTEGER, weight INTEGER DEFAULT 1000);
CREATE TABLE setting (id INTEGER PRIMARY KEY, key VARCHAR(200), value TEXT, type VARCHAR(20));
"""
_OPS = {"type": "slack", "name": "Ops", "slackwebhookURL": "https://hooks.slack.com/services/T0/B0/x"}
_ROWS: dict[str, list[dict[str, Any]]] = {
    "notification": [
        {"id": 1, "name": "Ops", "config": json.dumps(_OPS)},
        {"id": 2, "name": "Lamp", "config": '{"type": "hue"}'},
    ],
    "monitor": [
        {
            "id": 1,
            "name": "Shop",
            "type": "http",
            "url": "https://shop.example.com/",
            "maxretries": 2,
            "retry_interval": 20,
            "headers": '{"X-Key": "hush"}',
            "basic_auth_user": "u",
            "basic_auth_pass": "p",
            "accepted_statuscodes_json": '["200-299"]',
        },
        {
            "id": 2,
            "name": "Shop",
            "type": "keyword",
            "url": "https://shop.example.com/",
            "keyword": "Sold out",
            "invert_keyword": 1,
            "method": "POST",
            "body": "{}",
            "accepted_statuscodes_json": '["200-399"]',
            "maxredirects": 0,
            "active": 0,
        },
        {"id": 3, "name": "Database", "type": "port", "hostname": "db.example.com", "port": 5432},
        {"id": 4, "name": "Router", "type": "ping", "hostname": "router.example.com", "interval": 20},
        {
            "id": 5,
            "name": "Names",
            "type": "dns",
            "hostname": "example.com",
            "dns_resolve_type": "MX",
            "dns_resolve_server": "127.0.0.53",
            "port": 53,
        },
        {
            "id": 6,
            "name": "Cron job",
            "type": "push",
            "interval": 3600,
            "maxretries": 1,
            "push_token": "t0k3n",
            "description": "Nightly",
        },
        {"id": 7, "name": "Container", "type": "docker"},
        {"id": 8, "name": "Inverse", "type": "http", "url": "https://x.example.com/", "upside_down": 1},
    ],
    "monitor_notification": [{"monitor_id": id, "notification_id": 1} for id in (1, 3, 6)],
    "tag": [{"id": 1, "name": "prod", "color": "#fff"}],
    "monitor_tag": [{"monitor_id": 6, "tag_id": 1, "value": "eu west"}],
    "maintenance": [
        {
            "id": 1,
            "title": "Weekly",
            "strategy": "recurring-weekday",
            "start_time": "23:30",
            "end_time": "01:00",
            "weekdays": "[1,4]",
            "timezone": "Europe/Riga",
        },
        {
            "id": 2,
            "title": "Once",
            "strategy": "single",
            "start_date": "2031-05-01 10:00:00",
            "end_date": "2031-05-01 12:30:00",
            "timezone": "SAME_AS_SERVER",
        },
        {"id": 3, "title": "By hand", "strategy": "manual"},
    ],
    "monitor_maintenance": [
        *({"monitor_id": id, "maintenance_id": 1} for id in (1, 6, 7)),
        {"monitor_id": 3, "maintenance_id": 2},
    ],
    "status_page": [{"id": 1, "slug": "public", "title": "Public", "description": "All of it"}],
    "group": [{"id": 1, "name": "Web", "status_page_id": 1}],
    "monitor_group": [{"monitor_id": id, "group_id": 1, "weight": id} for id in (1, 6, 7)],
    "setting": [{"id": 1, "key": "serverTimezone", "value": '"Asia/Tokyo"', "type": "general"}],
}

KUMA_BACKUP = {
    "version": "1.23.11",
    "notificationList": [{"id": 1, "name": "Ops", "config": json.dumps(_OPS), "active": True, "isDefault": False}],
    "monitorList": [
        {
            "id": 1,
            "name": "Shop",
            "type": "http",
            "url": "https://shop.example.com/",
            "method": "GET",
            "interval": 60,
            "retryInterval": 60,
            "maxretries": 1,
            "ignoreTls": False,
            "upsideDown": False,
            "maxredirects": 10,
            "accepted_statuscodes": ["200-299"],
            "active": True,
            "timeout": 48,
            "notificationIDList": {"1": True},
            "tags": [],
            "headers": None,
            "body": None,
            "keyword": None,
        },
        {
            "id": 2,
            "name": "Cron job",
            "type": "push",
            "interval": 60,
            "maxretries": 0,
            "pushToken": "x",
            "notificationIDList": {},
            "active": 1,
            "tags": [{"id": 1, "monitor_id": 2, "tag_id": 4, "name": "prod", "value": "", "color": "#fff"}],
        },
    ],
    "proxyList": [],
}

GATUS = """\
ui:
  header: Our status
alerting:
  slack:
    webhook-url: ${OPS_HOOK}
x-shared: &shared
  alerts:
    - type: slack
      failure-threshold: 2
  conditions: ["[CONNECTED] == true"]
  interval: 5m
endpoints:
  - name: website
    group: core
    url: "https://example.com/health"
    interval: 30s
    headers: {X-Key: hush}
    alerts: [{type: slack, failure-threshold: 4, success-threshold: 3}]
    conditions:
      - "[STATUS] == any(200, 204)"
      - "[BODY] == pat(*healthy*)"
      - "[RESPONSE_TIME] < 300"
  - name: api
    url: "https://api.example.com/"
    conditions: ["[STATUS] == 200", "[BODY].status == UP"]
  - name: resolver
    group: core
    url: "127.0.0.53"
    dns: {query-name: example.com, query-type: A}
    conditions: ["[DNS_RCODE] == NOERROR", "[BODY] == 192.0.2.14"]
  - <<: *shared
    name: database
    url: tcp://db.example.com:5432
  - <<: *shared
    name: mail
    url: "starttls://smtp.example.com:587"
    enabled: false
external-endpoints:
  - name: nightly
    group: jobs
    token: secret
    heartbeat: {interval: 24h}
    alerts: [{type: slack}]
maintenance:
  start: 23:00
  duration: 1h
  timezone: Europe/Amsterdam
  every: [Monday, thursday]
"""


def kuma_database(file: Path) -> Path:
    """A database as Uptime Kuma 2 keeps it, with the columns that are read."""
    connection = sqlite3.connect(file)
    connection.executescript(_SCHEMA)
    for table, rows in _ROWS.items():
        for row in rows:
            marks = ", ".join("?" * len(row))
            connection.execute(f'INSERT INTO "{table}" ({", ".join(row)}) VALUES ({marks})', [*row.values()])
    connection.commit()
    connection.close()
    return file
