"""Passwords: the policy, Argon2id hashes, and generated ones. There is no default password."""

from __future__ import annotations

import secrets
import string

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.errors import Rejected

LENGTH_MIN = 10
LENGTH_MAX = 128  # a longer one only costs us time
CLASSES_MIN = 3

# 19 MiB and two passes: the floor OWASP advises, so that a burst of sign-ins cannot eat the memory.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Without 0 O 1 l I, which are misread on paper.
_LOWER, _UPPER = "abcdefghijkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS, _SIGNS = "23456789", "-_+="


def check_policy(password: str) -> None:
    """Raise Rejected `weak_password` unless it has 10 to 128 characters of 3 of the 4 classes."""
    kinds = (
        any(c in string.ascii_lowercase for c in password),
        any(c in string.ascii_uppercase for c in password),
        any(c in string.digits for c in password),
        any(c not in string.ascii_letters + string.digits for c in password),
    )
    if LENGTH_MIN <= len(password) <= LENGTH_MAX and sum(kinds) >= CLASSES_MIN:
        return
    raise Rejected(
        "weak_password",
        f"密码须为 {LENGTH_MIN} 至 {LENGTH_MAX} 个字符，"
        "且含大写字母、小写字母、数字、符号中的至少三种。",
        f"Use {LENGTH_MIN} to {LENGTH_MAX} characters with at least three of: capital letters,"
        " small letters, digits, signs.",
        pointer="/password",
    )


def hash_password(password: str) -> str:
    """The Argon2id hash to store; raises Rejected when the policy forbids the password."""
    check_policy(password)
    return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether it is the password. None (no such account) takes as long as a wrong password."""
    if len(password) > LENGTH_MAX:
        return False
    try:
        return _HASHER.verify(stored or _decoy(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with older parameters; hash again at the next good sign-in."""
    return _HASHER.check_needs_rehash(stored)


def generate_password(length: int = 16) -> str:
    """A random password of the policy's liking, easy to read from paper (≈ 92 bits at 16)."""
    if length < LENGTH_MIN:
        raise ValueError(f"length must be at least {LENGTH_MIN}")
    every = _LOWER + _UPPER + _DIGITS + _SIGNS
    picked = [secrets.choice(kind) for kind in (_LOWER, _UPPER, _DIGITS, _SIGNS)]
    picked += [secrets.choice(every) for _ in range(length - len(picked))]
    secrets.SystemRandom().shuffle(picked)
    return "".join(picked)


_decoys: list[str] = []


def _decoy() -> str:
    if not _decoys:
        _decoys.append(_HASHER.hash(secrets.token_urlsafe(24)))
    return _decoys[0]
