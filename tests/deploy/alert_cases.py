"""What every alert must do: below its limit, at it, above it, with no series, and after recovery.

Series are in promtool's notation, one sample a minute from minute 0: `a+bxn` is n more samples,
each b higher, and `_` is a gap. `fires` lists the label sets of the alerts that fire at `minute`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

KINDS = ("below", "at", "above", "missing", "recovery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question to one alert."""

    kind: str
    series: dict[str, str]
    minute: int
    fires: tuple[str, ...] = field(default=())


def cases(
    fires: str,
    *,
    below: dict[str, str],
    at: dict[str, str],
    above: dict[str, str],
    recovery: dict[str, str],
    minute: int,
    recovered: int,
    at_fires: bool = False,
    missing_fires: bool = False,
) -> tuple[Case, ...]:
    """The five cases of an alert whose limit itself is still allowed, unless `at_fires`."""
    one = (fires,)
    return (
        Case(kind="below", series=below, minute=minute),
        Case(kind="at", series=at, minute=minute, fires=one if at_fires else ()),
        Case(kind="above", series=above, minute=minute, fires=one),
        Case(kind="missing", series={}, minute=minute, fires=one if missing_fires else ()),
        # The alert is seen to fire first: an alert that never fires would recover perfectly.
        Case(kind="recovery", series=recovery, minute=minute, fires=one),
        Case(kind="recovery", series=recovery, minute=recovered),
    )


def gauge(
    name: str, fires: str, *, below: float, at: float, above: float, at_fires: bool = False
) -> tuple[Case, ...]:
    """A gauge with a limit, well past any `for`."""
    return cases(
        fires,
        below={name: f"{below}x60"},
        at={name: f"{at}x60"},
        above={name: f"{above}x60"},
        recovery={name: f"{above}x30 {below}x30"},
        minute=25,
        recovered=45,
        at_fires=at_fires,
    )


def age(
    name: str, fires: str, *, limit_s: int, nothing: int | None = 0, missing_fires: bool = False
) -> tuple[Case, ...]:
    """The timestamp of the oldest waiting thing; promtool's clock starts at 0 and runs with it.

    Each series grows with the clock, so that the age stays what it is. `nothing` is the value
    when nothing waits, None where the timestamp is of the last success and is simply young again.
    """

    def old(seconds: int) -> str:
        return f"{-seconds}+60x90"

    well = f" {nothing}x40" if nothing is not None else " 3110+60x40"
    return cases(
        fires,
        below={name: old(limit_s - 1)},
        at={name: old(limit_s)},
        above={name: old(limit_s + 1)},
        recovery={name: f"{-limit_s - 1}+60x51{well}"},
        minute=50,
        recovered=60,
        missing_fires=missing_fires,
    )


def ratio(
    bad: str, good: str, fires: str, *, below: tuple[int, int], at: tuple[int, int],
    above: tuple[int, int], minute: int, recovered: int,
) -> tuple[Case, ...]:  # fmt: skip
    """Two counters that grow by (bad, good) a minute."""

    def grow(rates: tuple[int, int]) -> dict[str, str]:
        return {bad: f"0+{rates[0]}x300", good: f"0+{rates[1]}x300"}

    stop = above[0] * minute
    return cases(
        fires,
        below=grow(below),
        at=grow(at),
        above=grow(above),
        recovery={bad: f"0+{above[0]}x{minute} {stop}x250", good: f"0+{above[1]}x300"},
        minute=minute,
        recovered=recovered,
    )


def histogram(
    name: str, labels: str, fires: str, *, limit: float, over: float, quantile: float
) -> tuple[Case, ...]:
    """A histogram of 100 observations a minute; the quantile lies under, at or over the limit.

    Every observation at or under the limit puts the quantile at most there; at the limit the share
    in the bucket is just the quantile; over it, the same share lies in the next bucket.
    """

    def buckets(under: float, within: float, recover: bool = False) -> dict[str, str]:
        tail = " {0}+{1}x60" if recover else ""

        def line(rate: float) -> str:
            end = f"0+{rate}x40" if recover else f"0+{rate}x100"
            return end + tail.format(rate * 40 + 100, 100)

        return {
            f'{name}_bucket{{{labels}le="{limit:g}"}}': line(under),
            f'{name}_bucket{{{labels}le="{over:g}"}}': line(within),
            f'{name}_bucket{{{labels}le="+Inf"}}': line(100),
            f"{name}_count{{{labels}}}".replace(",}", "}").replace("{}", ""): line(100),
        }

    share = quantile * 100
    return cases(
        fires,
        below=buckets(100, 100),
        at=buckets(share, 100),
        above=buckets(share - 5, 100),
        recovery=buckets(share - 5, 100, recover=True),
        minute=35,
        recovered=75,
    )


_PROCESSES = (
    *(f"{service}-{part}" for part in ("web", "worker")
      for service in ("intake", "points", "partners", "notify")),
    "rabbitmq",
    "gateway",
)  # fmt: skip


def _up(**lacking: str) -> dict[str, str]:
    return {
        f'up{{process="{process}"}}': lacking.get(process.replace("-", "_"), "1x60")
        for process in _PROCESSES
    }


_EVERY_PROCESS = tuple(f'{{process="{process}"}}' for process in _PROCESSES)
_POINTS = '{service="points"}'
_RETURNED = 'linli_relay_returned_total{service="points",kind="event"}'
_RETRIES = 'linli_subscriber_retries_total{service="points",queue="points.events"}'
_POINTS_QUEUE = '{queue="points.events", service="points"}'
_BROKER_QUEUE = '{queue="points.events", vhost="linli"}'
_ON_QUEUE = '{queue="points.events",vhost="linli"}'
_TASKS = 'linli_task_duration_seconds_count{actor="send_sms",outcome='
_HTTP = 'linli_http_requests_total{service="points",status='
_PAST = "linli_lots_past_their_day"
_DISK = "rabbitmq_disk_space_available_bytes"

ALERTS: dict[str, tuple[Case, ...]] = {
    "LinliProcessDown": (
        # Below: all are there. At: one is away for as long as it may be.
        Case(kind="below", series=_up(), minute=30),
        Case(kind="at", series=_up(points_worker="1x29 _ 1x30"), minute=30),
        Case(
            kind="above",
            series=_up(points_worker="1x10 0x50", rabbitmq="1x10 stale"),
            minute=30,
            fires=('{process="points-worker"}', '{process="rabbitmq"}'),
        ),
        Case(kind="missing", series={}, minute=30, fires=_EVERY_PROCESS),
        Case(
            kind="recovery",
            series=_up(gateway="0x20 1x40"),
            minute=18,
            fires=('{process="gateway"}',),
        ),
        Case(kind="recovery", series=_up(gateway="0x20 1x40"), minute=30),
    ),
    "LinliWatchdog": tuple(
        # It has no limit: it fires whatever happens.
        Case(kind=kind, series={}, minute=30, fires=("{}",))
        for kind in KINDS
    ),
    "LinliOutboxStuck": age(
        'linli_outbox_oldest_timestamp_seconds{service="points"}', _POINTS, limit_s=120
    ),
    "LinliOutboxBacklog": gauge(
        'linli_outbox_pending{service="points"}', _POINTS, below=9_999, at=10_000, above=10_001
    ),
    # Below means one too few here: 1 is well, 0 is the limit and fires, nothing is under it.
    "LinliNoRelayLeader": gauge(
        'linli_relay_leader{service="points"}', _POINTS, below=1, at=0, above=0, at_fires=True
    ),
    "LinliMessagesReturned": cases(
        '{kind="event", service="points"}',
        below={_RETURNED: "0x60"},
        at={_RETURNED: "5x60"},  # returned long ago, none since
        above={_RETURNED: "_x20 1x40"},  # the very first of a counter that was not there
        recovery={_RETURNED: "0x20 1x100"},
        minute=25,
        recovered=45,
    ),
    "LinliSubscriberSlow": histogram(
        "linli_subscriber_lag_seconds",
        'service="points",queue="points.events",',
        _POINTS_QUEUE,
        limit=60,
        over=300,
        quantile=0.95,
    ),
    "LinliSubscriberHolding": cases(
        _POINTS_QUEUE,
        below={_RETRIES: "0x60"},
        at={_RETRIES: "0+1x60"},
        above={_RETRIES: "0+2x60"},
        recovery={_RETRIES: "0+2x40 80x60"},
        minute=35,
        recovered=60,
    ),
    "LinliDeadLetters": gauge(
        'linli_dead_letters_open{service="points"}', _POINTS, below=0, at=0, above=1
    ),
    "LinliEventsRejected": ratio(
        'linli_verdicts_total{verdict="rejected",reason="schema"}',
        'linli_verdicts_total{verdict="accepted"}',
        "{}",
        below=(1, 9),
        at=(2, 8),
        above=(3, 7),
        minute=90,
        recovered=200,
    ),
    "LinliCreditSlow": histogram(
        "linli_event_to_credit_seconds", "", "{}", limit=30, over=60, quantile=0.99
    ),
    "LinliLotsNotEnded": cases(
        "{}",
        below={_PAST + '{why="due"}': "0x200", _PAST + '{why="frozen"}': "5x200"},
        # Past their day, but for no longer than a sweep or two may take.
        at={_PAST + '{why="due"}': "0x59 9x119 0x60"},
        above={_PAST + '{why="due"}': "9x200"},
        recovery={_PAST + '{why="due"}': "9x179 0x60"},
        minute=178,
        recovered=190,
    ),
    "LinliLiabilityUntied": gauge("linli_liability_untied_points", "{}", below=0, at=0, above=1),
    "LinliBudgetExceeded": gauge(
        'linli_budget_committed_ratio{community="990101001001"}',
        '{community="990101001001"}',
        below=0.5,
        at=1,
        above=1.01,
    ),
    "LinliLedgerImbalance": gauge(
        'linli_ledger_imbalance{check="points"}', '{check="points"}', below=0, at=0, above=-1
    ),
    "LinliLedgerNotReconciled": age(
        "linli_ledger_reconciled_timestamp_seconds", "{}",
        limit_s=1800, nothing=None, missing_fires=True,
    ),
    "LinliProofBroken": gauge("linli_proof_breaks", "{}", below=0, at=0, above=1),
    "LinliProofNotSealed": age(
        "linli_proof_sealed_timestamp_seconds", "{}",
        limit_s=1800, nothing=None, missing_fires=True,
    ),
    "LinliProofNotVerified": age(
        "linli_proof_verified_timestamp_seconds", "{}",
        limit_s=129_600, nothing=None, missing_fires=True,
    ),
    # 60 days are 5,184,000 s; the limit is looked at after 1,500 s.
    "LinliCalendarEnds": gauge(
        "linli_calendar_end_timestamp_seconds", "{}", below=5_190_000, at=5_185_500, above=5_000_000
    ),
    "LinliPatrolsMissed": gauge("linli_patrol_alarms_open", "{}", below=9, at=10, above=11),
    "LinliTimeBankStuck": age(
        "linli_time_bank_unsettled_oldest_timestamp_seconds", "{}", limit_s=86_400
    ),
    "LinliDeliveriesOverdue": age(
        "linli_deliveries_due_oldest_timestamp_seconds", "{}", limit_s=300
    ),
    "LinliSmsFailing": ratio(
        'linli_sms_attempts_total{outcome="retry"}',
        'linli_sms_attempts_total{outcome="accepted"}',
        "{}",
        below=(4, 6),
        at=(5, 5),
        above=(6, 4),
        minute=40,
        recovered=70,
    ),
    "LinliTasksFailing": ratio(
        f'{_TASKS}"failed"}}',
        f'{_TASKS}"done"}}',
        '{actor="send_sms"}',
        below=(1, 19),
        at=(2, 18),
        above=(3, 17),
        minute=40,
        recovered=70,
    ),
    "LinliTasksWaiting": histogram(
        "linli_task_wait_seconds", 'actor="send_sms",', '{actor="send_sms"}',
        limit=60, over=300, quantile=0.95,
    ),
    "LinliHttpErrors": ratio(
        f'{_HTTP}"500"}}',
        f'{_HTTP}"200"}}',
        _POINTS,
        below=(1, 99),
        at=(2, 98),
        above=(3, 97),
        minute=40,
        recovered=70,
    ),
    "LinliHttpSlow": histogram(
        "linli_http_request_duration_seconds", 'service="points",', _POINTS,
        limit=1, over=2.5, quantile=0.95,
    ),
    "LinliBrokerAlarm": gauge(
        "rabbitmq_alarms_memory_used_watermark", '{alarm="memory"}', below=0, at=0, above=1
    ),
    "LinliBrokerDiskLow": cases(
        "{}",
        below={_DISK: "301x60", "rabbitmq_disk_space_available_limit_bytes": "100x60"},
        at={_DISK: "300x60", "rabbitmq_disk_space_available_limit_bytes": "100x60"},
        above={_DISK: "299x60", "rabbitmq_disk_space_available_limit_bytes": "100x60"},
        recovery={_DISK: "299x30 900x30", "rabbitmq_disk_space_available_limit_bytes": "100x60"},
        minute=25,
        recovered=45,
    ),
    "LinliQueueUnheard": gauge(
        f"rabbitmq_detailed_queue_consumers{_ON_QUEUE}", _BROKER_QUEUE,
        below=1, at=0, above=0, at_fires=True,
    ),
    "LinliQueueBacklog": gauge(
        f"rabbitmq_detailed_queue_messages_ready{_ON_QUEUE}", _BROKER_QUEUE,
        below=9_999, at=10_000, above=10_001,
    ),
}  # fmt: skip
