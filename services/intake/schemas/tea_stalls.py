"""What a phone at a tea stall sends: entries with ids of their own."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, post_load, validate

from services.intake.rules.requests import CLIENT_ID_CHARACTERS_MAX, DESCRIPTION_CHARACTERS_MAX
from services.intake.rules.tea_stalls import ENTRIES_MAX

PHOTO_CHARACTERS_MAX = 400_000  # a data address of a photo that the page made smaller


class EntryBody(Schema):
    """A line as it was typed. `photo` is a data address; anything else of the page is left out."""

    class Meta:
        """Fields of an older or newer page do no harm."""

        unknown = EXCLUDE

    text = fields.Str(required=True, validate=validate.Length(1, DESCRIPTION_CHARACTERS_MAX))
    kind = fields.Str(load_default="", validate=validate.Length(0, 32))
    who = fields.Str(load_default="", validate=validate.Length(0, 200))
    address = fields.Str(load_default="", validate=validate.Length(0, 200))
    photo = fields.Str(load_default="", validate=validate.Length(0, PHOTO_CHARACTERS_MAX))


class SentEntry(Schema):
    """An entry with the device's own id of it."""

    client_id = fields.Str(required=True, validate=validate.Length(8, CLIENT_ID_CHARACTERS_MAX))
    body = fields.Dict(required=True)


class SentEntries(Schema):
    """`entries`, at most 50 at once. Each body is judged alone: a faulty one harms no other."""

    entries = fields.List(
        fields.Nested(SentEntry), required=True, validate=validate.Length(1, ENTRIES_MAX)
    )


class ReadEntry(EntryBody):
    """The body as the action takes it, and its photo."""

    @post_load
    def make(self, data: dict[str, Any], **_: object) -> tuple[dict[str, str], str]:
        """What `Entry` takes beside the id, and the photo apart."""
        photo = data.pop("photo")
        return data, photo
