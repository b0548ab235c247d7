"""Photos and documents of a request: sent by a plain form, shown to whoever may read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as BaseResponse

from services.intake.actions import photos
from services.intake.queries.photos import attachment, attachments_of, photos_of, picture
from services.intake.queries.reading import OFFICE, actor_of, readable, standing
from services.intake.rules.closing import PHOTO_KINDS
from services.intake.rules.handling import may_add_photo
from services.intake.rules.pictures import UPLOAD_BYTES_MAX
from services.intake.rules.states import State
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import Forbidden, Missing, Rejected
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.access import require_role
from shared.web.auth import Account
from shared.web.bodies import takes_up_to
from shared.web.i18n import t

FILES_MAX = 4  # in one form
READERS = ("staff", "operator", "auditor", "resident")
SENDERS = ("staff", "resident")
_FORM_BYTES = 64 * 1024
KIND_WORDS = {
    "before": ("处理前", "Before"),
    "after": ("处理后", "After"),
    "evidence": ("佐证", "Evidence"),
}


def make_photos(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/requests/<no>/photos…` and `/requests/<no>/attachments…`."""
    blueprint = Blueprint("photos", __name__)
    _add_photos(blueprint, sessions, cipher)
    _add_attachments(blueprint, sessions, cipher)
    return blueprint


def _add_photos(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.post("/requests/<request_no>/photos")
    @require_role(*SENDERS)
    @takes_up_to(FILES_MAX * UPLOAD_BYTES_MAX + _FORM_BYTES)
    def add_photos(request_no: str) -> BaseResponse:
        kind = request.form.get("kind", "before")
        account = auth.signed_in()
        with transaction(sessions) as tx:
            one = readable(tx.session, cipher, request_no, account)
            _check_adding(tx.session, one, account, kind)
            for file in _files("photo"):
                photos.keep(
                    tx,
                    one["id"],
                    kind,
                    file.stream.read(UPLOAD_BYTES_MAX + 1),
                    by=actor_of(account),
                )
        flash(t("照片已保存", "The photos are kept"), "ok")
        return redirect(f"/requests/{request_no}#photos", 303)

    @blueprint.get("/requests/<request_no>/photos/<uuid:photo_id>.jpg")
    @require_role(*READERS)
    def show_photo(request_no: str, photo_id: UUID) -> Response:
        return _photo(sessions, cipher, request_no, photo_id, is_thumb=False)

    @blueprint.get("/requests/<request_no>/photos/<uuid:photo_id>/thumb.jpg")
    @require_role(*READERS)
    def show_thumb(request_no: str, photo_id: UUID) -> Response:
        return _photo(sessions, cipher, request_no, photo_id, is_thumb=True)


def _photo(
    sessions: Sessions, cipher: FieldCipher, request_no: str, photo_id: UUID, *, is_thumb: bool
) -> Response:
    with sessions() as session:
        one = readable(session, cipher, request_no, auth.signed_in())
        jpeg = picture(session, one["id"], photo_id, is_thumb=is_thumb)
    if jpeg is None:
        raise _no_file()
    answer = Response(jpeg, mimetype="image/jpeg")
    # A photo never changes, but whoever may see it may: it is asked each time, sent once.
    answer.set_etag(f"{photo_id}{'t' if is_thumb else ''}")
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.make_conditional(request)
    return answer


def _add_attachments(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.post("/requests/<request_no>/attachments")
    @require_role(*SENDERS)
    @takes_up_to(photos.ATTACHMENT_BYTES_MAX + _FORM_BYTES)
    def add_attachment(request_no: str) -> BaseResponse:
        account = auth.signed_in()
        with transaction(sessions) as tx:
            one = readable(tx.session, cipher, request_no, account)
            _check_adding(tx.session, one, account, "evidence")
            for file in _files("file")[:1]:
                photos.keep_attachment(
                    tx,
                    one["id"],
                    file.filename or "",
                    file.stream.read(photos.ATTACHMENT_BYTES_MAX + 1),
                    by=actor_of(account),
                )
        flash(t("文件已保存", "The document is kept"), "ok")
        return redirect(f"/requests/{request_no}#photos", 303)

    @blueprint.get("/requests/<request_no>/attachments/<uuid:attachment_id>")
    @require_role(*READERS)
    def give_attachment(request_no: str, attachment_id: UUID) -> Response:
        with sessions() as session:
            one = readable(session, cipher, request_no, auth.signed_in())
            found = attachment(session, one["id"], attachment_id)
        if found is None:
            raise _no_file()
        name, content = found
        answer = Response(content, mimetype="application/pdf")
        # Never shown inside of the site: what a stranger wrote is only ever saved.
        answer.headers["Content-Disposition"] = (
            f"attachment; filename=\"document.pdf\"; filename*=UTF-8''{quote(name)}"
        )
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        answer.headers["Cache-Control"] = "private, no-store"
        return answer


def _check_adding(session: Session, one: Mapping[str, Any], account: Account, kind: str) -> None:
    if not may_add_photo(kind, State(one["state"]), standing(session, dict(one), account)):
        raise Forbidden(
            "no_photo_now",
            "现在不能添加这类照片或文件：请由提出人或承办单位在办理期间添加",
            "such a file cannot be added now: the asker or the unit may while it is under way",
        )


def _files(name: str) -> list[FileStorage]:
    files = [file for file in request.files.getlist(name) if file.filename]
    if not files:
        raise Rejected(
            "photo", f"{name}：请先选择文件", f"{name}: choose a file first", pointer=f"/{name}"
        )
    if len(files) > FILES_MAX:
        raise Rejected(
            "photo",
            f"{name}：一次最多 {FILES_MAX} 张",
            f"{name}: at most {FILES_MAX} at once",
            pointer=f"/{name}",
        )
    return files


def _no_file() -> Missing:
    return Missing("no_file", "没有这个文件", "There is no such file")


def photo_facts(session: Session, one: Mapping[str, Any], account: Account) -> Mapping[str, Any]:
    """What the panel of photos and documents shows this reader."""
    stands = standing(session, dict(one), account)
    state = State(one["state"])
    found = photos_of(session, one["id"])
    shown = [(kind, [each for each in found if each.kind == kind]) for kind in PHOTO_KINDS]
    adding = [kind for kind in PHOTO_KINDS if may_add_photo(kind, state, stands)]
    return {
        "shown": [(t(*KIND_WORDS[kind]), kind, its) for kind, its in shown if its],
        "attachments": attachments_of(session, one["id"]),
        "adding": [(kind, t(*KIND_WORDS[kind])) for kind in adding],
        "is_office": account.role in OFFICE,
        "files_max": FILES_MAX,
    }
