"""Our whole walk: partners publish -> verdict -> credited -> a notice in the resident's inbox."""

from __future__ import annotations

import time

from deploy.bench.counting import AWARDS, CONTRIBUTIONS, NOTICES, VERDICTS
from deploy.bench.district import PARTNERS, Invention, wire_event
from deploy.bench.processes import Meter
from deploy.bench.shipping import Shipment, by_partner
from deploy.bench.stage import Stage
from shared.ids import uuid7_at

SERVICES = ("intake", "points", "partners", "notify")
SETTLE_S = 1.0


def walk_rate(
    stage: Stage, invention: Invention, tag: str, count: int, *, batch: int = 1
) -> dict[str, float]:
    """Events a second from the first publish to the commit of the last notice, all workers up.

    Partners publish `batch` events in a message, as fast as the broker confirms. Besides: CPU
    microseconds an event took of each process.
    """
    ledgers = stage.ledgers
    sent = [(p, wire_event(p, code, data)) for p, code, data in invention.activities(tag, count)]
    url = stage.settings["LINLI_PARTNER_BROKER_URL"]
    consignments = by_partner(url, stage.credentials, sent, batch=batch)
    with stage.workers(*SERVICES) as workers:
        time.sleep(SETTLE_S)
        mark = uuid7_at(time.time())
        meter = Meter(stage.pids(workers))
        shipment = Shipment(consignments)

        def watch() -> None:
            stage.watch()
            shipment.watch()

        stage.wait(lambda: ledgers.progress(NOTICES, mark), count, watch)
        shipped = shipment.result()
        used = meter.per_event(count)
        stage.wait_relayed(*SERVICES)
    for place in (VERDICTS, CONTRIBUTIONS, AWARDS, NOTICES):
        ledgers.check(place, tag, count)
    ledgers.check_accepted(tag, count)
    stage.purge("partners", *(f"out.{slug}" for slug in PARTNERS))
    last_at = ledgers.commits(NOTICES, tag).last_at
    used["cpu_us_publisher"] = shipped.cpu_s / count * 1e6
    return {
        "rate": count / (last_at - shipped.first_at),
        "published_rate": count / (shipped.last_at - shipped.first_at),
        **used,
    }
