"""A resident's name and phone: opened from intake's seal, kept under notify's own."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from shared.crypto import BlindIndex, FieldCipher, Undecryptable
from shared.errors import Rejected

NAME_CHARACTERS_MAX = 100
PHONE_CHARACTERS_MAX = 32


class BadContact(Rejected):
    """Sealed contact data that cannot be opened or is not what intake promised."""

    def __init__(self, en: str) -> None:
        super().__init__("contact_unreadable", "无法解开居民的联系方式", en)


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """Never shown by repr: a traceback must not print a person."""

    name: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class SealedContact:
    """The three columns of the address book."""

    name: str | None
    phone: str | None
    phone_index: bytes | None


class Contacts:
    """Opens and seals contacts; everything is bound to its resident_no."""

    def __init__(self, *, contact_key: str, field_key: str, index_key: str) -> None:
        self._from_intake = FieldCipher(contact_key)
        self._own = FieldCipher(field_key)
        self._index = BlindIndex(index_key)

    def unseal(self, resident_no: str, sealed: str | None) -> Contact:
        """What intake sealed: JSON {"name", "phone"}, each may be null. Raises BadContact."""
        if sealed is None:
            return Contact(None, None)
        try:
            opened = orjson.loads(self._from_intake.decrypt(sealed, bound_to=resident_no))
        except (Undecryptable, ValueError):
            # the cause stays out of the trace: it could quote what was inside
            raise BadContact("the sealed contact cannot be opened") from None
        if not isinstance(opened, dict):
            raise BadContact("the sealed contact is not an object")
        return Contact(
            _field(opened, "name", NAME_CHARACTERS_MAX),
            _field(opened, "phone", PHONE_CHARACTERS_MAX),
        )

    def seal(self, resident_no: str, contact: Contact) -> SealedContact:
        """How the address book keeps a contact."""
        return SealedContact(
            self._sealed(resident_no, contact.name),
            self._sealed(resident_no, contact.phone),
            None if contact.phone is None else self._index.of(contact.phone),
        )

    def open(self, resident_no: str, name: str | None, phone: str | None) -> Contact:
        """The contact in a row of the address book; raises Undecryptable."""
        return Contact(self._opened(resident_no, name), self._opened(resident_no, phone))

    def phone_index(self, phone: str) -> bytes:
        """By which a number is looked up."""
        return self._index.of(phone)

    def _sealed(self, resident_no: str, text: str | None) -> str | None:
        return None if text is None else self._own.encrypt(text, bound_to=resident_no)

    def _opened(self, resident_no: str, stored: str | None) -> str | None:
        return None if stored is None else self._own.decrypt(stored, bound_to=resident_no)


def _field(opened: dict[str, object], name: str, most: int) -> str | None:
    value = opened.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise BadContact(f"{name} of the sealed contact is not text of at most {most} characters")
    return value
