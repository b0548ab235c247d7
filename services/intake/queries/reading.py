"""Who may read a request, and what they are to it."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy.orm import Session

from services.intake.queries.requests import request_of
from services.intake.queries.standing import standing_of
from services.intake.rules.handling import Standing
from services.intake.rules.states import Actor
from shared.crypto import FieldCipher
from shared.errors import Missing

OFFICE = frozenset({"staff", "operator", "auditor"})


class Reader(Protocol):
    """The signed-in account; `subject` is the resident's number."""

    @property
    def account_no(self) -> str:
        """The number that posts are of."""

    @property
    def role(self) -> str:
        """Such as staff or resident."""

    @property
    def subject(self) -> str:
        """Empty for staff."""


def readable(
    session: Session, cipher: FieldCipher, request_no: str, reader: Reader
) -> dict[str, Any]:
    """The request; raises Missing where it is another's, as where there is none."""
    found = request_of(session, cipher, request_no)
    # To anybody else, another's request does not exist: its number tells nothing.
    if found is None or not (reader.role in OFFICE or is_asker(found, reader)):
        raise Missing("no_request", "没有这件诉求", "There is no such request")
    return found


def is_asker(one: dict[str, Any], reader: Reader) -> bool:
    """Whether the account is the resident's who asked."""
    return bool(
        reader.role == "resident" and reader.subject and reader.subject == one["resident_no"]
    )


def standing(session: Session, one: dict[str, Any], reader: Reader) -> Standing:
    """What the reader is to the request; only staff have duties, only residents ask."""
    if reader.role == "staff":
        return standing_of(session, reader.account_no, one)
    return Standing(is_asker=is_asker(one, reader))


def actor_of(reader: Reader) -> Actor:
    """As whom an account takes steps: a resident by number, everybody else by account."""
    if reader.role == "resident":
        return Actor("resident", reader.subject)
    return Actor("account", reader.account_no)
