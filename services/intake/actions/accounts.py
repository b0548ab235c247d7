"""Accounts: adding them, signing in with a lock-out, changing and resetting passwords.

An attempt is written down before the password is looked at, and struck out when it was right:
a hundred attempts at once cannot try more passwords than five in a row can.
"""

from __future__ import annotations

import re
from contextlib import suppress
from math import ceil
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.crypto import BlindIndex, mask_name
from shared.db.session import Sessions
from shared.errors import Conflict, LinliError, Missing, Rejected, TooMany, Unauthenticated
from shared.ids import uuid7
from shared.messaging.transaction import Transaction, transaction
from shared.web import lockout, passwords

ROLES = ("resident", "staff", "manager", "partner", "operator", "auditor")
NAME_CHARACTERS_MAX = 64
SWEEP_ROWS = 100

_login = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}").fullmatch
_slug = re.compile(r"[a-z0-9][a-z0-9-]{0,63}").fullmatch
_PERSONAL = frozenset({"resident", "partner"})
_KEPT = lockout.DEFAULT_RULE.window + lockout.DEFAULT_RULE.lock

_ADD = text(
    "INSERT INTO accounts (account_no, login, role, subject, display_name, password_hash,"
    " is_active, created_at) VALUES (:account_no, :login, :role, :subject, :display_name,"
    " :password_hash, true, :now) ON CONFLICT (login) DO NOTHING RETURNING account_no"
)
_RESIDENT = text("SELECT 1 FROM residents WHERE resident_no = :subject")
_BY_LOGIN = text(
    "SELECT account_no, login, role, subject, display_name, password_hash, is_active"
    " FROM accounts WHERE login = :login"
)
_BY_NO = text(
    "SELECT account_no, login, role, subject, display_name, password_hash, is_active"
    " FROM accounts WHERE account_no = :account_no"
)
_SET_HASH = text("UPDATE accounts SET password_hash = :hash WHERE account_no = :account_no")
_SET_ACTIVE = text(
    "UPDATE accounts SET is_active = :is_active WHERE account_no = :account_no RETURNING login"
)
_SIGNED_IN = text("UPDATE accounts SET last_signed_in_at = :now WHERE account_no = :account_no")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_FAILURES = text("SELECT key, at FROM sign_in_failures WHERE key = ANY(:keys) AND at > :since")
_FAIL = text(
    "INSERT INTO sign_in_failures (key, at) SELECT unnest(CAST(:keys AS text[])), :now RETURNING id"
)
_SWEEP = text(
    "DELETE FROM sign_in_failures WHERE id IN (SELECT id FROM (SELECT id, at FROM"
    f" sign_in_failures ORDER BY id LIMIT {SWEEP_ROWS}) AS oldest WHERE at < :before)"
)
_FORGIVE = text("DELETE FROM sign_in_failures WHERE key = :key OR id = ANY(:ids)")


class SignedIn(NamedTuple):
    """Who signed in; `display_name` is masked where it is a resident's."""

    account_no: str
    role: str
    subject: str
    display_name: str


class _Attempt(NamedTuple):
    """A password about to be tried, already counted as a failure."""

    keys: list[str]
    ids: list[int]


def add_account(
    tx: Transaction,
    *,
    login: str,
    role: str,
    subject: str | None,
    display_name: str,
    password: str | None = None,
) -> str:
    """Add an account; the password, generated when none is given, is returned and kept nowhere.

    Residents' and partners' accounts name their resident_no or slug, others nothing. Raises
    Rejected (a field, `weak_password`), Missing (no such resident), Conflict (`login_taken`).
    """
    login, subject = login.strip().lower(), (subject or "").strip() or None
    _check_account(login, role, subject, display_name)
    if role == "resident":
        if tx.session.execute(_RESIDENT, {"subject": subject}).one_or_none() is None:
            raise Missing("no_resident", f"没有居民 {subject}", f"there is no resident {subject}")
        display_name = mask_name(display_name)  # only the register knows names
    chosen = password if password is not None else passwords.generate_password()
    added = tx.session.execute(
        _ADD,
        {
            "account_no": str(uuid7()),
            "login": login,
            "role": role,
            "subject": subject,
            "display_name": display_name.strip(),
            "password_hash": passwords.hash_password(chosen),
            "now": clock.now(),
        },
    ).one_or_none()
    if added is None:
        raise Conflict(
            "login_taken",
            f"账号 {login} 已有人使用，请换一个",
            f"the account name {login} is taken: choose another",
            pointer="/login",
        )
    return chosen


def _check_account(login: str, role: str, subject: str | None, display_name: str) -> None:
    if _login(login) is None:
        raise Rejected(
            "login",
            "账号须为 2 至 64 个小写字母、数字或 . _ @ -，以字母或数字开头",
            "an account name has 2 to 64 small letters, digits or . _ @ - and begins with one of"
            " the first two",
            pointer="/login",
        )
    if role not in ROLES:
        raise Rejected(
            "role", "没有这种角色", f"the role must be one of {', '.join(ROLES)}", pointer="/role"
        )
    if (role in _PERSONAL) != (subject is not None) or (
        role == "partner" and _slug(subject or "") is None
    ):
        raise Rejected(
            "subject",
            "居民账号须填居民编号，合伙人账号须填代号，其他账号不填",
            "a resident's account names a resident number, a partner's its slug, others nothing",
            pointer="/subject",
        )
    if not 1 <= len(display_name.strip()) <= NAME_CHARACTERS_MAX:
        raise Rejected(
            "display_name",
            f"显示名须有 1 至 {NAME_CHARACTERS_MAX} 个字符",
            f"the name shown has 1 to {NAME_CHARACTERS_MAX} characters",
            pointer="/display_name",
        )


def sign_in(
    sessions: Sessions, index: BlindIndex, *, login: str, password: str, address: str
) -> SignedIn:
    """The account behind a login name and password.

    Raises Unauthenticated in the same words whichever of the two is wrong, and TooMany for 15
    minutes after 5 failures of the account or of the address within 15 minutes.
    """
    login = login.strip().lower()
    account_key, address_key = _key(index, "account", login), _key(index, "address", address)
    attempt = _begin_attempt(sessions, account_key, address_key)
    with sessions() as session:
        # No account has a name that we would not have let it have.
        found = None
        if _login(login) is not None:
            found = session.execute(_BY_LOGIN, {"login": login}).one_or_none()
    right = passwords.verify_password(found.password_hash if found else None, password)
    if found is None or not right or not found.is_active:
        raise _wrong_password()
    with transaction(sessions) as tx:
        tx.session.execute(_FORGIVE, {"key": account_key, "ids": attempt.ids})
        tx.session.execute(_SIGNED_IN, {"account_no": found.account_no, "now": clock.now()})
        if passwords.needs_rehash(found.password_hash):
            with suppress(Rejected):  # a password from before a stricter policy still signs in
                _set_password(tx.session, found.account_no, password)
    return SignedIn(found.account_no, found.role, found.subject or "", found.display_name)


def _key(index: BlindIndex, kind: str, value: str) -> str:
    # People type phone numbers and even passwords where the name belongs: only a digest is kept.
    return f"{kind}:{index.of(f'sign-in {kind} {value}').hex()[:32]}"


def _begin_attempt(sessions: Sessions, *keys: str) -> _Attempt:
    now = clock.now()
    with transaction(sessions) as tx:
        for key in sorted(keys):
            tx.session.execute(_LOCK, {"key": key})
        rows = tx.session.execute(_FAILURES, {"keys": list(keys), "since": now - _KEPT}).all()
        ends = [
            lockout.locked_until([row.at for row in rows if row.key == key], now) for key in keys
        ]
        until = max((end for end in ends if end is not None), default=None)
        if until is not None:
            raise _locked(ceil((until - now).total_seconds()))
        tx.session.execute(_SWEEP, {"before": now - _KEPT})
        written = tx.session.execute(_FAIL, {"keys": list(keys), "now": now})
        return _Attempt(list(keys), [row.id for row in written])


def change_password(
    sessions: Sessions, index: BlindIndex, *, account_no: str, current: str, new: str
) -> None:
    """Set one's own password. Raises Unauthenticated (the current one is wrong), TooMany, Rejected.

    Counted with the failed sign-ins, so that an unattended screen cannot be used to guess.
    """
    passwords.check_policy(new)
    with sessions() as session:
        found = session.execute(_BY_NO, {"account_no": account_no}).one_or_none()
    if found is None or not found.is_active:
        raise _wrong_password()
    account_key = _key(index, "account", found.login)
    attempt = _begin_attempt(sessions, account_key)
    if not passwords.verify_password(found.password_hash, current):
        raise Unauthenticated(
            "wrong_password",
            "当前密码不对，请重新输入",
            "The current password is wrong: type it again",
            pointer="/current",
        )
    with transaction(sessions) as tx:
        tx.session.execute(_FORGIVE, {"key": account_key, "ids": attempt.ids})
        _set_password(tx.session, account_no, new)


def reset_password(tx: Transaction, account_no: str, index: BlindIndex) -> str:
    """A new generated password, and the account's lock lifted; raises Missing."""
    found = tx.session.execute(_BY_NO, {"account_no": account_no}).one_or_none()
    if found is None:
        raise _no_account()
    new = passwords.generate_password()
    _set_password(tx.session, account_no, new)
    tx.session.execute(_FORGIVE, {"key": _key(index, "account", found.login), "ids": []})
    return new


def set_active(tx: Transaction, account_no: str, is_active: bool) -> None:
    """Let an account sign in, or no longer; raises Missing."""
    values = {"account_no": account_no, "is_active": is_active}
    if tx.session.execute(_SET_ACTIVE, values).one_or_none() is None:
        raise _no_account()


def deactivate(tx: Transaction, account_no: str) -> None:
    """Never again, until it is made active; sessions that are open end with their own limit."""
    set_active(tx, account_no, is_active=False)


def _set_password(session: Session, account_no: str, password: str) -> None:
    hashed = passwords.hash_password(password)
    session.execute(_SET_HASH, {"account_no": account_no, "hash": hashed})


def _wrong_password() -> LinliError:
    return Unauthenticated(
        "wrong_login",
        "账号或密码不对，请重新输入",
        "The account name or the password is wrong: type them again",
    )


def _locked(wait_s: int) -> LinliError:
    minutes = (wait_s + 59) // 60
    return TooMany(
        "locked",
        f"尝试次数过多，请 {minutes} 分钟后再试，或到社区窗口重设密码",
        f"Too many attempts: try again in {minutes} min, or have your password reset at the window",
        retry_after_s=wait_s,
    )


def _no_account() -> LinliError:
    return Missing("no_account", "没有这个账号", "there is no such account")
