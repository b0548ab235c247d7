"""What an API key and an AMQP password look like, and how they are stored: never themselves."""

from __future__ import annotations

import base64
import hashlib
import zlib

KEY_PREFIX = "llk_"
SECRET_BYTES = 32
SALT_BYTES = 4
KEYS_ACTIVE_MAX = 2
HINT_CHARACTERS = 4

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY_CHARACTERS = 43  # 62**43 > 2**256
_CHECK_CHARACTERS = 6  # 62**6 > 2**32


def make_key(random: bytes) -> str:
    """`llk_`, 32 random bytes in base 62, and a checksum that tells a typing mistake from a key."""
    body = KEY_PREFIX + _base62(random, _BODY_CHARACTERS)
    return body + _checksum(body)


def is_key(text: str) -> bool:
    """Whether the checksum agrees; says nothing about whether the key is known."""
    body, check = text[:-_CHECK_CHARACTERS], text[-_CHECK_CHARACTERS:]
    return (
        text.startswith(KEY_PREFIX)
        and len(body) == len(KEY_PREFIX) + _BODY_CHARACTERS
        and text.isascii()
        and _checksum(body) == check
    )


def key_hash(key: str) -> str:
    """SHA-256 in hex. A key has 256 random bits, so a slow hash would guard nothing more."""
    return hashlib.sha256(key.encode("ascii")).hexdigest()


def make_password(random: bytes) -> str:
    """An AMQP password: 32 random bytes in base 62, so it needs no quoting in a URL."""
    return _base62(random, _BODY_CHARACTERS)


def broker_hash(password: str, salt: bytes) -> str:
    """A password as RabbitMQ stores it: base64 of a 4-byte salt and SHA-256 over both."""
    digest = hashlib.sha256(salt + password.encode("ascii")).digest()
    return base64.b64encode(salt + digest).decode("ascii")


def _base62(data: bytes, length: int) -> str:
    value = int.from_bytes(data, "big")
    characters = []
    for _ in range(length):
        value, digit = divmod(value, 62)
        characters.append(_DIGITS[digit])
    return "".join(reversed(characters))


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")).to_bytes(4, "big"), _CHECK_CHARACTERS)
