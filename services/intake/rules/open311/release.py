"""What leaves the house of a text that somebody wrote: not the numbers that lead to a person."""

from __future__ import annotations

import re

from shared.crypto import mask_phone

_PHONE = re.compile(r"(?<!\d)1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)", re.ASCII)
_IDENTITY = re.compile(r"(?<!\d)\d{6}(?:19|20)\d{9}[\dXx](?!\d)", re.ASCII)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+")


def released(text: str) -> str:
    """The text with telephone and identity numbers and e-mail addresses hidden."""
    hidden = _IDENTITY.sub(lambda found: found[0][:6] + "*" * 12, text)
    hidden = _PHONE.sub(lambda found: mask_phone(re.sub(r"[ -]", "", found[0])), hidden)
    return _EMAIL.sub("***@***", hidden)
