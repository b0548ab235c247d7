"""One call, read from HTTP: its parameters, its key, its photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import request
from sqlalchemy.orm import Session

from services.intake.actions.open311.admission import Call, unknown_jurisdiction
from services.intake.actions.open311.keys import digest
from services.intake.queries.open311.keys import client_keys
from services.intake.queries.open311.places import grids_of
from services.intake.rules.open311.faults import BAD, NO_KEY, WRONG_KEY, Fault, Refused, bad
from services.intake.rules.open311.posted import read_posted
from shared import clock

PHOTOS_MAX: Final = 5
PHOTO_BYTES_MAX: Final = 8 * 1024 * 1024
UNKEPT: Final = Fault(
    BAD, "parameters", "参数含有无法保存的字符", "a parameter holds characters nobody can keep"
)


def read_query(*, with_form: bool = False) -> Mapping[str, str]:
    """The first value of each parameter that is not empty."""
    sources = [request.args, request.form] if with_form else [request.args]
    query: dict[str, str] = {}
    for source in sources:
        for name, value in source.items(multi=True):
            if name and value.strip():  # a part of a form may have no name at all
                query.setdefault(name, value.strip())
    if any("\x00" in text for pair in query.items() for text in pair):
        raise Refused([UNKEPT])
    return query


def read_call() -> Call:
    """A POST of a request; what its form is wrong in goes with it, so that all is told at once."""
    form = {name: request.form.getlist(name) for name in request.form if name}
    for name in ("api_key", "jurisdiction_id"):
        if not any(value.strip() for value in form.get(name, ())) and name in request.args:
            form[name] = request.args.getlist(name)
    photos, faults = _photos()
    posted, wrong = read_posted(form, request.headers.get("Idempotency-Key"), photos)
    keys = [value.strip() for value in form.get("api_key", ()) if value.strip()]
    return Call(keys[0] if keys else None, posted, [*wrong, *faults], photos)


def client_of(
    session: Session, query: Mapping[str, str], *, is_required: bool = False
) -> int | None:
    """The number of the key that was given; raises Refused for one that is not good."""
    key = query.get("api_key")
    if key is None:
        if is_required:
            raise Refused([NO_KEY])
        return None
    hashed = digest(key)
    found = client_keys(session, [hashed], clock.now()).get(hashed)
    if found is None:
        raise Refused([WRONG_KEY])
    return found.key_no


def jurisdiction_of(session: Session, query: Mapping[str, str]) -> list[str] | None:
    """The grids of the jurisdiction that was named; None without one. Raises Refused."""
    code = query.get("jurisdiction_id")
    if code is None:
        return None
    grids = grids_of(session, code)
    if grids is None:
        raise Refused([unknown_jurisdiction(code)])
    return grids


def _photos() -> tuple[tuple[bytes, ...], list[Fault]]:
    files = [file for file in request.files.values() if file.filename]
    if len(files) > PHOTOS_MAX:
        return (), [bad("media", f"至多 {PHOTOS_MAX} 张照片", f"at most {PHOTOS_MAX} photos")]
    photos = tuple(file.stream.read(PHOTO_BYTES_MAX + 1) for file in files)
    if any(len(photo) > PHOTO_BYTES_MAX for photo in photos):
        return (), [bad("media", "每张照片不超过 8 MB", "a photo has at most 8 MB")]
    return tuple(photo for photo in photos if photo), []
