"""Both doors at once, and the wait for every send's verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from deploy.month.credentials import Credentials
from deploy.month.door_amqp import AmqpDoor
from deploy.month.door_http import HttpDoor
from deploy.month.parcels import Parcel
from deploy.month.read import Barrier
from deploy.month.tally import Tally
from deploy.month.verdict_log import VerdictLog
from shared.errors import Unavailable

SILENCE_MAX_S = 120.0  # without any progress at all
REPLIES_GRACE_S = 1.5  # then the log is asked instead
_TICK_S = 0.25
_AGAIN_EVERY = 12  # looks at the log


class Doors:
    """Sends parcels by the door they name; a barrier waits for all verdicts before it."""

    def __init__(
        self, broker_url: str, base_url: str, credentials: Credentials, tally: Tally
    ) -> None:
        self._tally = tally
        self._amqp = AmqpDoor(broker_url, credentials, tally)
        self._http = HttpDoor(base_url, credentials, tally)
        self._log = VerdictLog(base_url, credentials)

    def play(
        self,
        partners: Iterable[str],
        parcels: Iterable[Parcel | Barrier],
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Send everything and wait for every verdict; `tick` is called every now and then.

        Raises Unavailable when nothing happens for SILENCE_MAX_S.
        """
        readable = [partner for partner in partners if self._log.open(partner)]
        for each in parcels:
            if isinstance(each, Barrier):
                self._wait(readable, tick)
            else:
                self._tally.hand(each)
                (self._amqp if each.via == "amqp" else self._http).put(each)
            tick()
        self._wait(readable, tick)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()
        self._amqp.close()
        self._log.close()

    def _wait(self, readable: list[str], tick: Callable[[], None]) -> None:
        self._tally.progress_at_s = time.monotonic()
        self._wait_until(lambda: self._tally.done == self._tally.handed, tick)
        replied = self._wait_until(self._replied, tick, REPLIES_GRACE_S)
        rounds = 0
        while missing := self._missing(readable, replied, again=rounds % _AGAIN_EVERY == 1):
            rounds += 1
            tick()
            time.sleep(_TICK_S)
            self._complain(f"{len(missing)} partners: {', '.join(missing[:5])}")

    def _missing(self, readable: list[str], replied: bool, *, again: bool) -> list[str]:
        """Partners whose log does not hold all their verdicts; without a log, the replies count."""
        before = self._log.counted.total()
        missing = [
            p for p in readable if not self._logged(p, again=again) and p not in self._log.shut
        ]
        if self._log.counted.total() > before:
            self._tally.progress_at_s = time.monotonic()
        if not replied:
            with self._tally.changed:
                missing += [
                    p
                    for p in self._tally.replies_missing()
                    if p not in readable and p not in self._tally.refusals
                ]
        return missing

    def _replied(self) -> bool:
        return not self._tally.replies_missing()

    def _logged(self, partner: str, *, again: bool) -> bool:
        due = self._tally.accepted[partner]
        if self._log.counted[partner] >= due and not again:
            return True
        return self._log.count(partner, again=again) >= due

    def _wait_until(
        self, ready: Callable[[], bool], tick: Callable[[], None], quiet_s: float | None = None
    ) -> bool:
        """Wait; False when `quiet_s` passed without progress (None: raises at the limit)."""
        while True:
            with self._tally.changed:
                if self._tally.changed.wait_for(ready, _TICK_S):
                    return True
                quiet = time.monotonic() - self._tally.progress_at_s
            tick()
            if quiet_s is not None and quiet > quiet_s:
                return False
            self._complain(f"{self._tally.handed - self._tally.done} parcels")

    def _complain(self, what: str) -> None:
        if self._amqp.crashed is not None:
            raise self._amqp.crashed
        if time.monotonic() - self._tally.progress_at_s > SILENCE_MAX_S:
            raise Unavailable(
                "no_verdict",
                f"{SILENCE_MAX_S:.0f} 秒没有新的裁定，仍缺：{what}",
                f"no verdict for {SILENCE_MAX_S:.0f} s, still missing: {what}",
            )
