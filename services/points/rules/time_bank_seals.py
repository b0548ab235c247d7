"""How messages between districts are signed: Ed25519 over canonical JSON.

An envelope is `{"body", "key_id", "signature"}`. The signature is over the prefix, then the
canonical JSON (keys sorted, no spaces, UTF-8, whole numbers only) of body and key id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from services.points.rules.time_bank_messages import Body, check_code, wrong

KEY_BYTES = 32

_PREFIX = b"linli.time-bank.v1\n"


class BadSignature(Exception):
    """The envelope was not signed with this key, or not as it is."""


@dataclass(frozen=True, slots=True, repr=False)
class District:
    """This district: its code, and the key that it signs with."""

    code: str
    _key: Ed25519PrivateKey

    @property
    def public_key(self) -> str:
        """Base64, as the other district registers it."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def seal(self, body: Body) -> dict[str, Any]:
        """The envelope of a body."""
        key_id = key_id_of(self.public_key)
        signature = self._key.sign(_signed_bytes(body, key_id))
        return {
            "body": dict(body),
            "key_id": key_id,
            "signature": base64.b64encode(signature).decode(),
        }


def read_district(code: str, key_text: str) -> District | None:
    """This district from its settings; None when either is missing: then there is no time bank.

    Raises Rejected for a code or a key that cannot be.
    """
    if not code or not key_text:
        return None
    check_code(code, "/district_code")
    return District(code, Ed25519PrivateKey.from_private_bytes(_key_bytes(key_text, "/key")))


def check_public_key(text: str, pointer: str) -> str:
    """Base64 of an Ed25519 public key; raises Rejected."""
    Ed25519PublicKey.from_public_bytes(_key_bytes(text, pointer))
    return text


def key_id_of(public_key: str) -> str:
    """How a key is called: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(base64.b64decode(public_key)).hexdigest()[:16]


def digest_of(body: Body) -> bytes:
    """32 bytes; equal for equal bodies."""
    return hashlib.sha256(canonical(body)).digest()


def canonical(body: Body) -> bytes:
    """The one spelling of a body."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def verify(envelope: Mapping[str, Any], public_key: str) -> None:
    """Raises BadSignature unless exactly this body was signed with this key."""
    if envelope["key_id"] != key_id_of(public_key):
        raise BadSignature("another key")
    try:
        signature = base64.b64decode(envelope["signature"], validate=True)
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        key.verify(signature, _signed_bytes(envelope["body"], envelope["key_id"]))
    except (InvalidSignature, binascii.Error, ValueError, TypeError, orjson.JSONEncodeError):
        raise BadSignature("the signature does not fit") from None


def _signed_bytes(body: Body, key_id: str) -> bytes:
    return _PREFIX + canonical({"body": body, "key_id": key_id})


def _key_bytes(text: str, pointer: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES or base64.b64encode(key).decode() != text:
        raise wrong(pointer, "须为 32 字节密钥的 base64", "must be base64 of a key of 32 bytes")
    return key
