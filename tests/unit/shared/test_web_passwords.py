"""Password policy and hashes; the lock-out rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.web.lockout import LockRule, locked_until, sign_in_blocked_until
from shared.web.passwords import (
    check_policy,
    generate_password,
    hash_password,
    needs_rehash,
    verify_password,
)

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def ago(*minutes: float) -> list[datetime]:
    return [NOW - timedelta(minutes=m) for m in minutes]


@pytest.mark.parametrize(
    "good", ["Abcdefgh12", "abcdefgh-1", "ABCDEFGH-1", "密码密码密码密码aB", "A1-" + "x" * 125]
)
def test_the_policy_takes_three_kinds_of_character(good: str) -> None:
    check_policy(good)


@pytest.mark.parametrize(
    "bad", ["", "Abcdefg-1", "abcdefghij1", "ABCDEFGHIJ1", "1234567890-", "Aa1-" + "x" * 125]
)
def test_the_policy_refuses_short_long_and_plain(bad: str) -> None:
    with pytest.raises(Rejected) as caught:
        hash_password(bad)
    assert caught.value.code == "weak_password"
    assert not bad or bad not in caught.value.zh + caught.value.en


def test_a_hash_is_argon2id_and_knows_only_its_password() -> None:
    stored = hash_password("Abcdefgh12")
    assert stored.startswith("$argon2id$")
    assert verify_password(stored, "Abcdefgh12")
    assert not verify_password(stored, "Abcdefgh13")
    assert not verify_password(stored, "x" * 1000)
    assert not needs_rehash(stored)
    assert stored != hash_password("Abcdefgh12")


def test_an_unknown_account_and_a_broken_hash_are_plain_noes() -> None:
    assert not verify_password(None, "Abcdefgh12")
    assert not verify_password("not a hash", "Abcdefgh12")
    assert needs_rehash("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")


def test_generated_passwords_please_the_policy_and_differ() -> None:
    made = {generate_password(n % 20 + 10) for n in range(60)}
    assert len(made) == 60
    for password in made:
        check_policy(password)
    with pytest.raises(ValueError, match="at least"):
        generate_password(9)


def test_five_failures_in_fifteen_minutes_lock_for_fifteen_more() -> None:
    assert locked_until(ago(4, 3, 2, 1), NOW) is None
    assert locked_until(ago(4, 3, 2, 1, 0), NOW) == NOW + timedelta(minutes=15)
    assert locked_until(ago(15, 14, 3, 2, 0), NOW) == NOW + timedelta(minutes=15)
    assert locked_until(ago(15.1, 14, 3, 2, 0), NOW) is None


def test_a_lock_ends_by_itself_and_old_failures_do_not_bring_it_back() -> None:
    five = ago(20, 19, 18, 17, 16)
    assert locked_until(five, NOW - timedelta(minutes=2)) is not None
    assert locked_until(five, NOW) is None
    assert locked_until([*five, NOW], NOW + timedelta(minutes=15)) is None


def test_account_and_address_are_each_enough_and_the_later_end_counts() -> None:
    five = ago(5, 4, 3, 2, 1)
    assert sign_in_blocked_until([], [], NOW) is None
    assert sign_in_blocked_until(five, [], NOW) == NOW + timedelta(minutes=14)
    assert sign_in_blocked_until([], five, NOW) == NOW + timedelta(minutes=14)
    assert sign_in_blocked_until(five, ago(9, 9, 9, 9, 9), NOW) == NOW + timedelta(minutes=14)
    looser = LockRule(failures=50)
    assert sign_in_blocked_until([], five, NOW, address_rule=looser) is None


@given(st.lists(st.integers(0, 7200)))
def test_the_rule_agrees_with_a_plain_count(seconds: list[int]) -> None:
    times = [NOW - timedelta(seconds=s) for s in seconds]
    ends = [
        last + timedelta(minutes=15)
        for last in times
        if sum(last - timedelta(minutes=15) <= at <= last for at in times) >= 5
    ]
    expected = max((end for end in ends if end > NOW), default=None)
    assert locked_until(times, NOW) == expected
