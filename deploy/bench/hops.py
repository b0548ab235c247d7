"""Our one hop, twice: the gate (message -> verdict and rows), the ledger (message -> entries)."""

from __future__ import annotations

import time

from deploy.bench.counting import AWARDS, CONTRIBUTIONS, VERDICTS
from deploy.bench.district import PARTNERS, Invention, recorded_event, wire_event
from deploy.bench.processes import Meter
from deploy.bench.shipping import by_partner, contributions, ship
from deploy.bench.stage import Stage
from shared.ids import uuid7_at

RELAYED_AT_MOST = 100  # events that a relay packs into one message


def gate_rate(stage: Stage, invention: Invention, tag: str, count: int) -> dict[str, float]:
    """Events that wait in `ingress` -> verdicts, contributions and outbox rows, committed."""
    ledgers = stage.ledgers
    sent = [(p, wire_event(p, code, data)) for p, code, data in invention.activities(tag, count)]
    ship(by_partner(stage.settings["LINLI_PARTNER_BROKER_URL"], stage.credentials, sent))
    mark = uuid7_at(time.time())
    before = ledgers.progress(VERDICTS, mark)
    with stage.workers("intake") as workers:
        done = ledgers.progress(VERDICTS, mark) - before
        meter = Meter(stage.pids(workers), done)
        stage.wait(lambda: ledgers.progress(VERDICTS, mark) - before, count)
        stage.wait_relayed("intake")
        relayed_at = time.time()
        used = meter.per_event(count)
    commits = ledgers.commits(VERDICTS, tag)
    for place in (VERDICTS, CONTRIBUTIONS):
        ledgers.check(place, tag, count)
    ledgers.check_accepted(tag, count)
    stage.purge("linli", "points.events")
    stage.purge("partners", *(f"out.{slug}" for slug in PARTNERS))
    return {
        "rate": commits.rate,
        "relayed_rate": commits.rate_until(relayed_at),
        "batches": len(commits.batches),
        **used,
    }


def points_rate(
    stage: Stage, invention: Invention, tag: str, count: int, *, packed: int
) -> dict[str, float]:
    """Contributions in `points.events`, `packed` in a message -> entries, committed."""
    ledgers = stage.ledgers
    mark = uuid7_at(time.time())
    events = [recorded_event(*each) for each in invention.activities(tag, count)]
    ship([contributions(stage.settings["LINLI_BROKER_URL"], events, batch=packed)])
    with stage.workers("points") as workers:
        meter = Meter(stage.pids(workers), ledgers.progress(AWARDS, mark))
        stage.wait(lambda: ledgers.progress(AWARDS, mark), count)
        stage.wait_relayed("points")
        relayed_at = time.time()
        used = meter.per_event(count)
    commits = ledgers.commits(AWARDS, tag)
    ledgers.check(AWARDS, tag, count)
    stage.purge("linli", "notify.events")
    return {
        "rate": commits.rate,
        "relayed_rate": commits.rate_until(relayed_at),
        "batches": len(commits.batches),
        **used,
    }
