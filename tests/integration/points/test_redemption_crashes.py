"""A process dies at every named point of every step: nothing is lost, nothing is doubled.

Dead before the commit, a step never was; dead after it, it was, and doing it again changes
nothing. The process is killed with SIGKILL, so PostgreSQL itself cleans up after it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from shared import clock
from shared.ids import uuid7
from shared.schemas.envelope import encode
from tests.integration.points.database import Ledger
from tests.integration.points.redeeming import (
    ask,
    assert_sound,
    claimed,
    code_of,
    give,
    held,
    offered,
    stock,
)

A = "R000001"
BEFORE, AFTER = "transaction.before_commit", "transaction.after_commit"
HELD = ({"resident": 20, "held": 10}, (5, 1, 0))
SPENT = ({"resident": 20, "held": 0}, (5, 0, 1))
BACK = ({"resident": 30, "held": 0}, (5, 0, 0))
# What the same again says when it was done already: the counter and the clerk are told so.
AGAIN = {"redeem": 0, "counter": 1, "event": 0, "cancel": 1, "clock": 0}


@pytest.fixture(autouse=True)
def _long_ago() -> Iterator[None]:
    """So long that what is redeemed here is overdue for the clock of another process."""
    clock.freeze(clock.now() - timedelta(days=30))
    yield
    clock.freeze(None)


def run(ledger: Ledger, told: dict[str, Any], fault: str = "") -> int:
    urls = {"POINTS_DATABASE_URL": ledger.url, "POINTS_OWNER_DATABASE_URL": ledger.owner_url}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.integration.points.redemption_step",
            orjson.dumps({**told, "urls": urls}).decode(),
        ],
        env={**os.environ, "LINLI_FAULT_POINT": fault},
        timeout=100,
        check=False,
        capture_output=True,
    ).returncode


def is_now(ledger: Ledger, rice: int) -> tuple[dict[str, int], tuple[int | None, int, int]]:
    assert_sound(ledger)
    return {"held": 0, **held(ledger, A)}, stock(ledger, rice)


@pytest.mark.parametrize("fault", [BEFORE, AFTER])
@pytest.mark.parametrize("step", AGAIN)
def test_killed_at(ledger: Ledger, step: str, fault: str) -> None:
    give(ledger, A, 30)
    rice = offered(ledger, pickup_hours=24 * (7 if step == "clock" else 90))
    told: dict[str, Any] = {"step": step, "resident": A, "reward": rice, "key": str(uuid7())}
    start, end = BACK, HELD
    if step != "redeem":
        redeemed = ask(ledger, A, rice)
        code = code_of(redeemed)
        told |= {"code": code, "no": redeemed.redemption_no}
        told["event"] = orjson.loads(encode(claimed(code)))
        start, end = HELD, SPENT if step in {"counter", "event"} else BACK
    assert is_now(ledger, rice) == start
    assert run(ledger, told, fault) == -signal.SIGKILL
    assert is_now(ledger, rice) == (start if fault == BEFORE else end)
    assert run(ledger, told) == (0 if fault == BEFORE else AGAIN[step])
    assert is_now(ledger, rice) == end
    assert ledger.scalar("SELECT count(*) FROM redemptions") == 1
    assert run(ledger, told) == AGAIN[step]
    assert is_now(ledger, rice) == end
    said = [
        kind
        for (kind,) in ledger.rows("SELECT destination FROM outbox ORDER BY id")
        if kind.startswith("linli.redemption.")
    ]
    ends = {"counter": "posted", "event": "posted", "cancel": "released", "clock": "released"}
    names = ["held"] + ([ends[step]] if step in ends else [])
    assert said == [f"linli.redemption.{name}.v1" for name in names]
