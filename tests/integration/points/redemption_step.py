"""One step of a redemption in a process of its own, which a test may have killed on the way."""

from __future__ import annotations

import json
import sys

import orjson

from services.points.actions.redemptions import Redeemed
from tests.integration.points.database import message, opened
from tests.integration.points.redeeming import ask, confirm, give_up, run_clock

if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    with opened(told["urls"]) as ledger:
        if told["step"] == "redeem":
            ask(ledger, told["resident"], told["reward"], key=told["key"])
        elif told["step"] == "counter":
            confirm(ledger, told["code"])
        elif told["step"] == "event":
            ledger.take([message(orjson.dumps(told["event"]))])
        elif told["step"] == "cancel":
            give_up(ledger, Redeemed(None, told["no"]), told["resident"])  # type: ignore[arg-type]
        else:
            run_clock(ledger)
