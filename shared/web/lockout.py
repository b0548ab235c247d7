"""The lock-out rule, pure: who has failed too often waits. The rows of failures live in intake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRule:
    """`failures` within `window` lock for `lock`, counted from the failure that filled it."""

    failures: int = 5
    window: timedelta = timedelta(minutes=15)
    lock: timedelta = timedelta(minutes=15)


DEFAULT_RULE = LockRule()


def locked_until(
    failed_at: Iterable[datetime], now: datetime, rule: LockRule = DEFAULT_RULE
) -> datetime | None:
    """When the lock ends, or None when there is none at `now`.

    Give the failures of one account since its last success, or of one address (a success from an
    address does not forgive it); `rule.window + rule.lock` back is enough. Attempts refused
    because of a lock must not be recorded, else a lock would never end.
    """
    times = sorted(at for at in failed_at if at <= now)
    ends = None
    for first, last in zip(times, times[rule.failures - 1 :], strict=False):
        if last - first <= rule.window:
            ends = last + rule.lock
    return ends if ends is not None and ends > now else None


def sign_in_blocked_until(
    account_failed_at: Iterable[datetime],
    address_failed_at: Iterable[datetime],
    now: datetime,
    *,
    account_rule: LockRule = DEFAULT_RULE,
    address_rule: LockRule = DEFAULT_RULE,
) -> datetime | None:
    """The later end of the account's and the address' locks, or None."""
    ends = (
        locked_until(account_failed_at, now, account_rule),
        locked_until(address_failed_at, now, address_rule),
    )
    return max((end for end in ends if end is not None), default=None)
