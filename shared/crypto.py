"""Field encryption, blind indexes and the one masking policy of the whole system.

A stored value is `a1:` + base64(12-byte nonce + AES-256-GCM ciphertext and tag). The prefix names
the algorithm, so that another one can be introduced and old values still be read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PREFIX = "a1:"
_NONCE_BYTES = 12


class BadKey(Exception):
    """A key is not 32 bytes in base64."""


class Undecryptable(Exception):
    """The value was made with another key, for another place, or was tampered with."""


def read_key(text: str) -> bytes:
    """A 32-byte key from its base64 text; raises BadKey."""
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise BadKey("密钥不是 base64 / the key is not base64") from problem
    if len(key) != 32:
        raise BadKey(f"密钥须为 32 字节 / the key must be 32 bytes, got {len(key)}")
    return key


class FieldCipher:
    """Encrypts single fields; `bound_to` (such as the resident_no) ties a value to its row."""

    def __init__(self, key_text: str) -> None:
        self._aead = AESGCM(read_key(key_text))

    def encrypt(self, text: str, *, bound_to: str) -> str:
        """The stored form of `text`."""
        return self.encrypt_bytes(text.encode(), bound_to=bound_to)

    def encrypt_bytes(self, data: bytes, *, bound_to: str) -> str:
        """The stored form of raw bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._aead.encrypt(nonce, data, bound_to.encode())
        return _PREFIX + base64.b64encode(sealed).decode()

    def decrypt(self, stored: str, *, bound_to: str) -> str:
        """The text back; raises Undecryptable."""
        return self.decrypt_bytes(stored, bound_to=bound_to).decode()

    def decrypt_bytes(self, stored: str, *, bound_to: str) -> bytes:
        """The bytes back; raises Undecryptable."""
        if not stored.startswith(_PREFIX):
            raise Undecryptable("unknown algorithm")
        sealed = base64.b64decode(stored[len(_PREFIX) :])
        try:
            return self._aead.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode()
            )
        except InvalidTag as problem:
            raise Undecryptable("wrong key, wrong row, or tampered") from problem


class BlindIndex:
    """A keyed digest by which an encrypted value can be looked up without being readable."""

    def __init__(self, key_text: str) -> None:
        self._key = read_key(key_text)

    def of(self, text: str) -> bytes:
        """32 bytes; equal for equal text."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).digest()


def mask_name(name: str) -> str:
    """张三丰 -> 张**; the family name stays (one character)."""
    return name[:1] + "*" * max(len(name) - 1, 1)


def mask_phone(phone: str) -> str:
    """13812345678 -> 138****5678; anything shorter than 8 digits is hidden whole."""
    if len(phone) < 8:
        return "*" * len(phone)
    return phone[:3] + "*" * (len(phone) - 7) + phone[-4:]


def mask_number(number: str) -> str:
    """R000127 -> R00***7, for lists that anybody may read; fewer than 6 characters: the first."""
    if len(number) < 6:
        return number[:1] + "*" * max(len(number) - 1, 1)
    return number[:3] + "*" * (len(number) - 4) + number[-1]
