"""Every metric of Linli is declared here and nowhere else; names follow Prometheus' practice.

A web process runs in several copies and writes to PROMETHEUS_MULTIPROC_DIR (set it in the entry
point, before Python imports this module); a worker is one process and is scraped by itself.
Times are seconds; instants are Unix timestamps, so that Prometheus computes the age.
"""

from __future__ import annotations

from shared.metrics import slots

slots.install()

from prometheus_client import Counter, Gauge, Histogram  # noqa: E402 - after the slots, see there

from shared.metrics.exposition import exposition, serve  # noqa: E402

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WALK = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_BATCH = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)

build_info = Gauge(
    "linli_build_info",
    "1, with the version that runs as a label.",
    ["service", "version"],
    multiprocess_mode="mostrecent",
)

http_requests = Counter(
    "linli_http_requests_total", "HTTP requests answered.", ["service", "route", "method", "status"]
)
http_request_duration = Histogram(
    "linli_http_request_duration_seconds",
    "Time to answer an HTTP request.",
    ["service", "route"],
    buckets=_FAST,
)

verdicts = Counter(
    "linli_verdicts_total",
    "Verdicts given to partner events.",
    ["door", "type", "verdict", "reason"],
)
refused_at_door = Counter(
    "linli_refused_at_door_total", "Requests the HTTP door refused without a verdict.", ["reason"]
)

outbox_pending = Gauge(
    "linli_outbox_pending",
    "Events and tasks that wait for the relay.",
    ["service"],
    multiprocess_mode="mostrecent",
)
outbox_oldest = Gauge(
    "linli_outbox_oldest_timestamp_seconds",
    "When the oldest waiting outbox row was written; 0 when none waits.",
    ["service"],
    multiprocess_mode="mostrecent",
)
relay_published = Counter(
    "linli_relay_published_total", "Messages confirmed by the broker.", ["service", "kind"]
)
relay_returned = Counter(
    "linli_relay_returned_total", "Messages that no queue would take.", ["service", "kind"]
)
relay_leader = Gauge(
    "linli_relay_leader",
    "1 where this process leads the relay.",
    ["service"],
    multiprocess_mode="mostrecent",
)

subscriber_batch = Histogram(
    "linli_subscriber_batch_events",
    "Events handled in one transaction.",
    ["service", "queue"],
    buckets=_BATCH,
)
subscriber_lag = Histogram(
    "linli_subscriber_lag_seconds",
    "From an event's own making to its commit here, the oldest of each batch.",
    ["service", "queue"],
    buckets=_WALK,
)
subscriber_events = Counter(
    "linli_subscriber_events_total",
    "Events heard, by what became of them.",
    ["service", "queue", "outcome"],
)
subscriber_retries = Counter(
    "linli_subscriber_retries_total", "Batches held and tried again.", ["service", "queue"]
)

dead_letters = Gauge(
    "linli_dead_letters_open",
    "Dead letters that wait for a person.",
    ["service"],
    multiprocess_mode="mostrecent",
)
dead_letters_total = Counter(
    "linli_dead_letters_total", "Events that became dead letters.", ["service", "reason"]
)

event_to_credit = Histogram(
    "linli_event_to_credit_seconds", "From the gate's verdict to the credit.", buckets=_WALK
)
event_to_notice = Histogram(
    "linli_event_to_notice_seconds", "From the gate's verdict to the notice row.", buckets=_WALK
)
event_to_delivery = Histogram(
    "linli_event_to_delivery_seconds",
    "From the gate's verdict to the delivery by a channel.",
    ["channel"],
    buckets=_WALK,
)

ledger_imbalance = Gauge(
    "linli_ledger_imbalance",
    "Sum over all accounts of an asset, and broken accounts; must be 0.",
    ["check"],
    multiprocess_mode="mostrecent",
)
ledger_reconciled = Gauge(
    "linli_ledger_reconciled_timestamp_seconds",
    "When the ledger was last reconciled.",
    multiprocess_mode="mostrecent",
)
lots_past_their_day = Gauge(
    "linli_lots_past_their_day",
    "Lots with something left after their last day: due, in frozen accounts, or kept aside.",
    ["why"],
    multiprocess_mode="mostrecent",
)
liability_untied = Gauge(
    "linli_liability_untied_points",
    "Points that the closed days and the lots disagree on; must be 0.",
    multiprocess_mode="mostrecent",
)
budget_committed = Gauge(
    "linli_budget_committed_ratio",
    "What was redeemed, is put aside and is outstanding, over the budget in force.",
    ["community"],
    multiprocess_mode="mostrecent",
)
proof_sealed = Gauge(
    "linli_proof_sealed_timestamp_seconds",
    "When entries were last looked for and sealed.",
    multiprocess_mode="mostrecent",
)
proof_verified = Gauge(
    "linli_proof_verified_timestamp_seconds",
    "When a verification of all that is sealed was last finished.",
    multiprocess_mode="mostrecent",
)
proof_breaks = Gauge(
    "linli_proof_breaks",
    "What the last verification of the sealed entries found; must be 0.",
    multiprocess_mode="mostrecent",
)
time_bank_escrow = Gauge(
    "linli_time_bank_escrow_coins",
    "Time coins on their way to another district.",
    ["district"],
    multiprocess_mode="mostrecent",
)
time_bank_oldest = Gauge(
    "linli_time_bank_unsettled_oldest_timestamp_seconds",
    "When the oldest transfer without an answer was made; 0 when all are settled.",
    multiprocess_mode="mostrecent",
)
ledger_transfers = Counter("linli_ledger_transfers_total", "Transfers posted.", ["asset"])

task_duration = Histogram(
    "linli_task_duration_seconds", "Time a task took.", ["actor", "outcome"], buckets=_FAST
)
task_wait = Histogram(
    "linli_task_wait_seconds", "From the task's making to its start.", ["actor"], buckets=_WALK
)

notices = Counter("linli_notices_total", "Notices written.", ["kind"])
sms_attempts = Counter("linli_sms_attempts_total", "Attempts to send an SMS.", ["outcome"])
deliveries_due_oldest = Gauge(
    "linli_deliveries_due_oldest_timestamp_seconds",
    "Due time of the most overdue delivery; 0 when none is due.",
    multiprocess_mode="mostrecent",
)

patrol_alarms = Counter(
    "linli_patrol_alarms_total", "Missed visits of patrol spots that were told.", ["cause"]
)
patrol_alarms_open = Gauge(
    "linli_patrol_alarms_open",
    "Missed visits of patrol spots that nobody has made up for.",
    multiprocess_mode="mostrecent",
)

request_clocks = Gauge(
    "linli_request_clocks",
    "Clocks of requests that run, and those of them that ran out.",
    ["kind", "state"],
    multiprocess_mode="mostrecent",
)
calendar_end = Gauge(
    "linli_calendar_end_timestamp_seconds",
    "The end of the last day that the working calendar knows.",
    multiprocess_mode="mostrecent",
)

__all__ = [
    "budget_committed",
    "build_info",
    "calendar_end",
    "dead_letters",
    "dead_letters_total",
    "deliveries_due_oldest",
    "event_to_credit",
    "event_to_delivery",
    "event_to_notice",
    "exposition",
    "http_request_duration",
    "http_requests",
    "ledger_imbalance",
    "ledger_reconciled",
    "ledger_transfers",
    "liability_untied",
    "lots_past_their_day",
    "notices",
    "outbox_oldest",
    "outbox_pending",
    "patrol_alarms",
    "patrol_alarms_open",
    "proof_breaks",
    "proof_sealed",
    "proof_verified",
    "refused_at_door",
    "relay_leader",
    "relay_published",
    "relay_returned",
    "request_clocks",
    "serve",
    "sms_attempts",
    "subscriber_batch",
    "subscriber_events",
    "subscriber_lag",
    "subscriber_retries",
    "task_duration",
    "task_wait",
    "time_bank_escrow",
    "time_bank_oldest",
    "verdicts",
]
