"""All metrics that Pingfold exports: name, type, labels and help text of each, in one table.

A process creates only the metrics that it sets: `CounterSpec.create()` and so on, once, at the top of the module that
sets them. (In multiprocess mode a metric that is created is exported, as 0, although nothing has been measured.)
`SampledSpec` is for metrics that are computed when `/metrics` is read, by a collector of the web process.

Names, types and labels are a public interface: docs/operations.md lists them, and tests/unit/test_metrics.py compares
the list with this table.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

# How the values of several processes become one: `mostrecent` for values that one process at a time sets.
Mode = Literal["livesum", "livemin", "mostrecent"]


@dataclass(frozen=True, slots=True)
class Spec:
    """name: as exported. labels: their names, in the order in which values are given."""

    kind: ClassVar[str]

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CounterSpec(Spec):
    """A number of events. Its name ends in `_total`."""

    kind: ClassVar[str] = "counter"

    def create(self) -> Counter:
        """The metric in this process. Raises `ValueError` when it was created before."""
        return Counter(self.name, self.help, self.labels)


@dataclass(frozen=True, slots=True)
class GaugeSpec(Spec):
    """A value that goes up and down."""

    kind: ClassVar[str] = "gauge"

    mode: Mode = "mostrecent"

    def create(self) -> Gauge:
        """The metric in this process. Raises `ValueError` when it was created before."""
        return Gauge(self.name, self.help, self.labels, multiprocess_mode=self.mode)


@dataclass(frozen=True, slots=True)
class HistogramSpec(Spec):
    """A distribution. buckets: their upper bounds."""

    kind: ClassVar[str] = "histogram"

    buckets: tuple[float, ...] = ()

    def create(self) -> Histogram:
        """The metric in this process. Raises `ValueError` when it was created before."""
        return Histogram(self.name, self.help, self.labels, buckets=self.buckets)


@dataclass(frozen=True, slots=True)
class SampledSpec(Spec):
    """A gauge that a collector computes. One whose value is not known is left out of the answer."""

    kind: ClassVar[str] = "gauge"

    def family(self) -> GaugeMetricFamily:
        """An empty family for this answer; `add_metric` takes the values of the labels and the value."""
        return GaugeMetricFamily(self.name, self.help, labels=self.labels)

    def of(self, value: float) -> GaugeMetricFamily:
        """The family of a metric without labels."""
        return GaugeMetricFamily(self.name, self.help, value)


@dataclass(frozen=True, slots=True)
class SampledCounterSpec(Spec):
    """A counter that a collector reads elsewhere. Its name ends in `_total`."""

    kind: ClassVar[str] = "counter"

    def family(self) -> CounterMetricFamily:
        """An empty family for this answer."""
        return CounterMetricFamily(self.name.removesuffix("_total"), self.help, labels=self.labels)


_COMMIT_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)
_DELIVERY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_PROBE_DELAY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_OF_FOLD, _OF_JOURNAL = ("fold", "partition"), ("journal", "partition")

# The HTTP server and pings.
HTTP_CONNECTIONS = GaugeSpec("pingfold_http_connections", "Open client connections", mode="livesum")
HTTP_REFUSED = CounterSpec(
    "pingfold_http_refused_total",
    "Requests and connections refused by the HTTP server, before any application saw them",
    ("status", "text"),
)
TLS_CERTIFICATE_EXPIRES = GaugeSpec(
    "pingfold_tls_certificate_expires_timestamp_seconds", "When the certificate of the web process ends", mode="livemin"
)
TLS_RELOAD_FAILURES = CounterSpec(
    "pingfold_tls_reload_failures_total", "Changed certificate files that could not be used, so that the old stay"
)
PING_ANSWERS = CounterSpec("pingfold_ping_answers_total", "Answers to requests on ping URLs", ("status", "text"))
PINGS_IN_FLIGHT = GaugeSpec("pingfold_pings_in_flight", "Pings received and not yet answered", mode="livesum")
PUBLIC_URL_REACHABLE = GaugeSpec(
    "pingfold_public_url_reachable", "1 if synthetic pings through the public URL arrive, else 0", mode="livemin"
)

# Probers.
PROBES = CounterSpec(
    "pingfold_probes_total", "Probes, by result: ok or the reason of the failure", ("region", "outcome")
)
PROBE_SLOTS_MISSED = CounterSpec(
    "pingfold_probe_slots_missed_total", "Slots that had passed before their probe could begin"
)
PROBE_START_DELAY = HistogramSpec(
    "pingfold_probe_start_delay_seconds", "Time from a slot to the start of its probe", buckets=_PROBE_DELAY_BUCKETS
)
REGION_TROUBLED = GaugeSpec("pingfold_region_troubled", "1 while the region's own network is down", ("region",))
CONTROL_TARGETS_ANSWERING = GaugeSpec(
    "pingfold_control_targets_answering", "Control targets that answered the last question", ("region",)
)

# Folds.
FOLD_EVENTS = CounterSpec("pingfold_fold_events_total", "Journal records folded", ("fold",))
FOLD_SECONDS = CounterSpec("pingfold_fold_seconds_total", "Time spent in pure fold code", ("fold",))
FOLD_EVENTS_GONE = CounterSpec(
    "pingfold_fold_events_gone_total", "Journal records that retention deleted before they were folded", ("journal",)
)
FOLD_COMMIT_SECONDS = HistogramSpec(
    "pingfold_fold_commit_seconds", "Duration of a transaction", ("fold",), buckets=_COMMIT_BUCKETS
)
FOLD_APPLIED_OFFSET = GaugeSpec("pingfold_fold_applied_offset", "Last journal offset folded", _OF_FOLD)
FOLD_PROGRESS_AT = GaugeSpec("pingfold_fold_progress_at_seconds", "Unix time of the fold's last progress", _OF_FOLD)
FOLD_LOADING_LEFT = GaugeSpec(
    "pingfold_fold_loading_left_records", "Offsets of the state topic still to be loaded before folding", _OF_FOLD
)
FOLD_EFFECTS = CounterSpec("pingfold_fold_effects_total", "Effects committed", ("fold", "topic"))
FOLD_DEFECTIVE = CounterSpec(
    "pingfold_fold_defective_total", "Times a fold stopped because most of its events failed", ("fold",)
)
PARTITION_TIME = GaugeSpec("pingfold_partition_time_seconds", "Time of the partition (Unix time)", _OF_FOLD)
OPEN_GAPS = GaugeSpec("pingfold_open_gaps", "Gaps open now", _OF_FOLD)
GAPS = CounterSpec("pingfold_gaps_total", "Gaps that have closed", ("cause",))
DEAD_LETTERS = CounterSpec("pingfold_dead_letters_total", "Records put into dead-letters", ("topic",))
FOLD_LAG = SampledSpec("pingfold_fold_lag_events", "Journal records not folded yet", _OF_JOURNAL)
FOLD_TIME_AGE = SampledSpec(
    "pingfold_fold_time_age_seconds", "Time since the partition's states were last known to be current", _OF_JOURNAL
)
FOLD_TIME_AHEAD = SampledSpec(
    "pingfold_fold_time_ahead_seconds",
    "How far the partition's time is ahead of the clock; `pingfold time mend` sets it back",
    _OF_JOURNAL,
)
JOURNAL_TRUNCATED = SampledSpec(
    "pingfold_journal_truncated_offset", "Offset from which a journal has lost events that had been folded", _OF_JOURNAL
)

# Notifications.
DELIVERIES = CounterSpec("pingfold_deliveries_total", "Attempts to deliver a notification, by outcome", ("outcome",))
DELIVERY_SECONDS = HistogramSpec("pingfold_delivery_seconds", "Duration of an attempt", buckets=_DELIVERY_BUCKETS)
DELIVERIES_HURRIED = CounterSpec(
    "pingfold_deliveries_hurried_total", "Attempts given up early, because too many receivers of a project hang"
)
DELIVERIES_ENDED = CounterSpec(
    "pingfold_deliveries_ended_total", "Deliveries that have ended, by outcome", ("outcome",)
)
CHANNELS_DISABLED = CounterSpec(
    "pingfold_channels_disabled_total", "Channels disabled because nothing could be delivered"
)

# History.
HISTORY_ROWS = CounterSpec("pingfold_history_rows_total", "Rows inserted into ClickHouse", ("table",))
HISTORY_ERRORS = CounterSpec("pingfold_history_errors_total", "Attempts of the history writer that failed", ("what",))
HISTORY_EVENTS_GONE = CounterSpec(
    "pingfold_history_events_gone_total", "Records that retention deleted before they were in history", ("topic",)
)
HISTORY_ROLL_UPS = CounterSpec("pingfold_history_rollups_total", "Roll-ups of history, by outcome", ("outcome",))
HISTORY_LAG_RECORDS = SampledSpec("pingfold_history_lag_records", "Records not yet in ClickHouse")
HISTORY_LAG_SECONDS = SampledSpec("pingfold_history_lag_seconds", "Waiting time of the oldest of these records")

# Access.
WRONG_API_KEYS = CounterSpec(
    "pingfold_wrong_api_keys_total", "Wrong API keys: looked up (`wrong`), or refused without a look-up", ("outcome",)
)
WRONG_PASSWORDS = CounterSpec(
    "pingfold_wrong_passwords_total",
    "Wrong passwords: checked (`wrong`), or refused without a check",
    ("door", "outcome"),
)

# The DNS API.
DNS_ANSWERS = CounterSpec(
    "pingfold_dns_answers_total",
    "DNS messages, by what was answered, or became of them instead",
    ("transport", "outcome"),
)
DNS_CONNECTIONS = GaugeSpec("pingfold_dns_connections", "Open connections of DNS clients", mode="livesum")

# The installation.
PROBLEMS = SampledSpec("pingfold_problems", "Problems that /readyz reports")
ROLE_RESTARTS = SampledCounterSpec("pingfold_role_restarts_total", "Restarts of a role", ("role",))
ROLE_REPLACED = SampledCounterSpec(
    "pingfold_role_replaced_total", "Restarts of a role because it made no progress", ("role",)
)
CLOCK_SKEW = SampledSpec(
    "pingfold_clock_skew_seconds",
    "Minimum by which a role's clock is ahead of Kafka's; negative: behind",
    ("role", "name"),
)
DISK_FREE = SampledSpec("pingfold_disk_free_bytes", "Free space where Kafka and ClickHouse write")
DISK_RESERVE = SampledSpec("pingfold_disk_reserve_bytes", "Free space below which new data is refused")

METRICS: tuple[Spec, ...] = tuple(value for value in vars().copy().values() if isinstance(value, Spec))

# Of what a project watches, on a page of its own (query_api/pages/project_metrics.py). Names with hc_ are those
# of Healthchecks' exporter: dashboards and rules for them are there already.
_OF_CHECK, _OF_MONITOR = ("name", "tags", "unique_key"), ("name", "kind", "monitor")

CHECK_UP = SampledSpec("hc_check_up", "Whether the check is currently up (1 for yes, 0 for no).", _OF_CHECK)
CHECK_STARTED = SampledSpec(
    "hc_check_started", "Whether the check is currently started (1 for yes, 0 for no).", _OF_CHECK
)
CHECK_GRACE = SampledSpec(
    "hc_check_grace", "Whether the check is currently in the grace period (1 for yes, 0 for no).", _OF_CHECK
)
CHECK_PAUSED = SampledSpec("hc_check_paused", "Whether the check is currently paused (1 for yes, 0 for no).", _OF_CHECK)
TAG_UP = SampledSpec("hc_tag_up", "Whether all checks with this tag are up (1 for yes, 0 for no).", ("tag",))
CHECKS = SampledSpec("hc_checks_total", "The total number of checks.")
CHECKS_DOWN = SampledSpec("hc_checks_down_total", "The number of checks currently down.")
CHECK_NOT_OBSERVED = SampledSpec(
    "pingfold_check_not_observed", "Whether a run was due while Pingfold could not take its ping", _OF_CHECK
)
CHECK_LAST_PING = SampledSpec(
    "pingfold_check_last_ping_timestamp_seconds", "When the newest success or failure came", _OF_CHECK
)
CHECK_LAST_SUCCESS = SampledSpec(
    "pingfold_check_last_success_timestamp_seconds", "When the newest success came", _OF_CHECK
)
CHECK_LAST_DURATION = SampledSpec(
    "pingfold_check_last_duration_seconds", "How long the newest run took whose start is known", _OF_CHECK
)
CHECK_DOWN_SECONDS = SampledCounterSpec(
    "pingfold_check_down_seconds_total", "How long the check was down since it was made", _OF_CHECK
)
CHECK_UPTIME = SampledSpec("pingfold_check_uptime_ratio", "1 - time down / 30 days, over the last 30 days", _OF_CHECK)
MONITOR_UP = SampledSpec("pingfold_monitor_up", "Whether the monitor is not down (1 for yes, 0 for no)", _OF_MONITOR)
MONITOR_PAUSED = SampledSpec("pingfold_monitor_paused", "Whether the monitor is paused", _OF_MONITOR)
MONITOR_NOT_OBSERVED = SampledSpec(
    "pingfold_monitor_not_observed", "Whether no prober reports of the monitor", _OF_MONITOR
)
MONITOR_LAST_PROBE = SampledSpec(
    "pingfold_monitor_last_probe_timestamp_seconds", "When the newest probe was made", _OF_MONITOR
)
MONITOR_LAST_PROBE_OK = SampledSpec(
    "pingfold_monitor_last_probe_success", "Whether the newest probe succeeded", _OF_MONITOR
)
MONITOR_LAST_DURATION = SampledSpec(
    "pingfold_monitor_last_probe_duration_seconds", "How long the newest probe took", _OF_MONITOR
)
MONITOR_CERTIFICATE = SampledSpec(
    "pingfold_monitor_certificate_expiry_timestamp_seconds", "When the certificate of the target expires", _OF_MONITOR
)
MONITOR_DOMAIN = SampledSpec(
    "pingfold_monitor_domain_expiry_timestamp_seconds", "When the registered domain of the target expires", _OF_MONITOR
)
MONITOR_DOWN_SECONDS = SampledCounterSpec(
    "pingfold_monitor_down_seconds_total", "How long the monitor was down since it was made", _OF_MONITOR
)
MONITOR_UPTIME = SampledSpec(
    "pingfold_monitor_uptime_ratio", "1 - time down / 30 days, over the last 30 days", _OF_MONITOR
)

WATCHED: tuple[Spec, ...] = tuple(
    value for value in vars().copy().values() if isinstance(value, Spec) and value not in METRICS
)
