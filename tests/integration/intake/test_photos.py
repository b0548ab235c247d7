"""Photos of requests are kept once, without their camera's words, and shown to few."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from PIL import Image
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart

from services.intake.actions import photos
from services.intake.actions.opening import Opened
from services.intake.actions.steps import Step
from services.intake.models import Photo
from services.intake.queries.photos import PhotoOf, photos_of, used_elsewhere
from services.intake.rules import pictures
from services.intake.rules.states import Action, Actor
from shared.errors import Missing, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import NOW, Browser, Intake
from tests.integration.intake.handling import (
    dispatched,
    moved,
    opened,
    signed_in,
    staffed,
)
from tests.unit.intake.camera import photo, scene

BY = Actor("account", "A-1")
PLACE = (31.2304, 121.4737)
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\n%%EOF\n"


def kept(intake: Intake, one: Opened, kind: str, data: bytes, **more: Any) -> photos.Kept:
    with transaction(intake.sessions) as tx:
        return photos.keep(tx, one.id, kind, data, by=BY, **more)


def of(intake: Intake, one: Opened) -> list[PhotoOf]:
    with intake.sessions() as session:
        return photos_of(session, one.id)


def sent(
    browser: Browser, one: Opened, *files: tuple[bytes, str], kind: str = "before",
    to: str = "photos", name: str = "photo",
) -> TestResponse:  # fmt: skip
    form: MultiDict[str, Any] = MultiDict([("csrf_token", browser.token()), ("kind", kind)])
    for data, filename in files:
        form.add(name, FileStorage(io.BytesIO(data), filename))
    boundary, body = encode_multipart(form)
    return browser.client.post(
        f"/requests/{one.request_no}/{to}",
        data=body,
        content_type=f"multipart/form-data; boundary={boundary}",
        headers={"Accept": "text/html"},
    )


def test_time_and_place_are_kept_apart_from_the_picture(intake: Intake) -> None:
    one = opened(intake)
    kept(intake, one, "before", photo(1, at=NOW - timedelta(hours=1), place=PLACE))
    (photo_of,) = of(intake, one)
    assert photo_of.taken_at == NOW - timedelta(hours=1)
    assert (photo_of.lat, photo_of.lon) == pytest.approx(PLACE, abs=1e-6)
    stored = bytes(intake.one("SELECT jpeg FROM photo_bytes"))
    assert b"Exif" not in stored
    assert Image.open(io.BytesIO(stored)).size == (640, 480)
    assert intake.one("SELECT said_by FROM photo_origins") == "camera"


def test_what_the_sender_says_counts_where_the_camera_is_silent(intake: Intake) -> None:
    one = opened(intake)
    kept(intake, one, "before", photo(1), taken_at=NOW, lat=30.0, lon=120.0)
    (photo_of,) = of(intake, one)
    assert (photo_of.taken_at, photo_of.lat, photo_of.lon) == (NOW, 30.0, 120.0)
    assert intake.one("SELECT said_by FROM photo_origins") == "sender"
    with pytest.raises(Rejected) as caught:
        kept(intake, one, "before", photo(2), taken_at=NOW + timedelta(hours=1))
    assert caught.value.pointer == "/taken_at"
    with pytest.raises(Rejected):
        kept(intake, one, "before", photo(2), lat=30.0)


def test_the_same_file_for_the_same_thing_is_kept_once(intake: Intake) -> None:
    one = opened(intake)
    first, again = (kept(intake, one, "before", photo(1)) for _ in range(2))
    assert (first.id, first.is_new, again.is_new) == (again.id, True, False)
    assert kept(intake, one, "evidence", photo(1)).is_new


def test_a_request_has_a_bounded_number_of_photos(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "_COUNTS", {**photos._COUNTS, Photo: 2})
    one = opened(intake)
    for seed in (1, 2):
        kept(intake, one, "before", photo(seed))
    with pytest.raises(Rejected):
        kept(intake, one, "before", photo(3))


def test_unknown_kinds_and_requests_are_refused(intake: Intake) -> None:
    one = opened(intake)
    with pytest.raises(Rejected) as caught:
        kept(intake, one, "selfie", photo())
    assert caught.value.pointer == "/kind"
    with pytest.raises(Missing), transaction(intake.sessions) as tx:
        photos.keep(tx, 99, "before", photo(), by=BY)


def test_a_photo_of_another_request_is_found_by_its_file_and_by_its_looks(intake: Intake) -> None:
    old, new = opened(intake), opened(intake)
    kept(intake, old, "after", photo(1))
    for data in (photo(1), photo(image=scene(1).resize((800, 600)))):
        kept(intake, new, "after", data)
    kept(intake, new, "after", photo(2))
    with intake.sessions() as session:
        assert [used_elsewhere(session, each) for each in photos_of(session, new.id)] == [
            True,
            True,
            False,
        ]


def test_the_service_cannot_rewrite_what_a_camera_said(intake: Intake) -> None:
    one = opened(intake)
    kept(intake, one, "before", photo(1, at=NOW, place=PLACE))
    for statement in (
        "UPDATE photo_origins SET lat = 0, lon = 0",
        "UPDATE photos SET likeness = 0",
        "UPDATE photo_bytes SET jpeg = ''",
    ):
        with intake.sessions() as session, pytest.raises(ProgrammingError) as caught:
            session.execute(text(statement))
        assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)


class TestThePages:
    def test_the_asker_shows_what_is_the_matter(self, intake: Intake) -> None:
        one = opened(intake)
        asker = intake.signed_in("resident", "R000001")
        answer = sent(asker, one, (photo(1), "a.jpg"), (photo(2, form="PNG"), "b.png"))
        assert answer.status_code == 303, answer.text
        assert [each.kind for each in of(intake, one)] == ["before", "before"]
        page = asker.get(f"/requests/{one.request_no}").text
        for each in of(intake, one):
            assert f"/photos/{each.photo_id}/thumb.jpg" in page
        assert "121.47" not in page

    def test_a_photo_has_safe_headers_and_is_sent_once(self, intake: Intake) -> None:
        one = opened(intake)
        made = kept(intake, one, "before", photo(1))
        asker = intake.signed_in("resident", "R000001")
        answer = asker.get(f"/requests/{one.request_no}/photos/{made.id}.jpg")
        assert answer.mimetype == "image/jpeg"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "private, no-cache"
        again = asker.client.get(
            f"/requests/{one.request_no}/photos/{made.id}.jpg",
            headers={"If-None-Match": answer.headers["ETag"]},
        )
        assert (again.status_code, again.data) == (304, b"")
        thumb = asker.get(f"/requests/{one.request_no}/photos/{made.id}/thumb.jpg")
        assert max(Image.open(io.BytesIO(thumb.data)).size) == 320

    def test_to_others_it_does_not_exist(self, intake: Intake) -> None:
        one, other = opened(intake), opened(intake, resident_no="R000002")
        made = kept(intake, one, "before", photo(1))
        neighbour = intake.signed_in("resident", "R000002")
        for no in (one.request_no, other.request_no):
            assert neighbour.get(f"/requests/{no}/photos/{made.id}.jpg").status_code == 404
        assert sent(neighbour, one, (photo(2), "a.jpg")).status_code == 404
        visitor = Browser(intake.app).get(f"/requests/{one.request_no}/photos/{made.id}.jpg")
        assert visitor.status_code == 303

    def test_only_who_handles_it_shows_that_it_is_done(self, intake: Intake) -> None:
        people = staffed(intake)
        one = dispatched(intake)
        asker = intake.signed_in("resident", "R000001")
        assert sent(asker, one, (photo(1), "a.jpg"), kind="after").status_code == 403
        stranger = signed_in(intake, people["stranger"])
        assert sent(stranger, one, (photo(1), "a.jpg"), kind="after").status_code == 403
        handler = signed_in(intake, people["handler"])
        assert sent(handler, one, (photo(1), "a.jpg"), kind="after").status_code == 303

    def test_nothing_is_added_to_what_has_ended(self, intake: Intake) -> None:
        one = opened(intake)
        moved(intake, Step(request_id=one.id, action=Action.DECLINE))
        asker = intake.signed_in("resident", "R000001")
        assert sent(asker, one, (photo(1), "a.jpg")).status_code == 403

    def test_what_is_no_photo_is_told_and_nothing_is_kept(self, intake: Intake) -> None:
        one = opened(intake)
        asker = intake.signed_in("resident", "R000001")
        answer = sent(asker, one, (photo(1), "a.jpg"), (b"<script>", "b.jpg"))
        assert answer.status_code == 422
        assert of(intake, one) == []
        assert sent(asker, one).status_code == 422

    def test_large_bodies_pass_only_here_and_only_so_far(self, intake: Intake) -> None:
        one = opened(intake)
        asker = intake.signed_in("resident", "R000001")
        large = photo(image=Image.effect_noise((1500, 1500), 90).convert("RGB"), form="PNG")
        assert len(large) > 2 * 1024 * 1024
        assert sent(asker, one, (large, "a.png")).status_code == 303
        more = b"x" * (photos_limit() + 1)
        assert sent(asker, one, (more, "a.png")).status_code == 413
        assert asker.post("/sign-in", login="x" * 2_000_000, password="x").status_code == 413

    def test_documents_are_given_out_as_downloads_only(self, intake: Intake) -> None:
        one = opened(intake)
        asker = intake.signed_in("resident", "R000001")
        answer = sent(asker, one, (PDF, "../租赁 合同.pdf"), to="attachments", name="file")
        assert answer.status_code == 303, answer.text
        attachment_id = intake.one("SELECT attachment_id FROM attachments")
        got = asker.get(f"/requests/{one.request_no}/attachments/{attachment_id}")
        assert got.data == PDF
        assert got.headers["Content-Disposition"].startswith("attachment;")
        assert "sandbox" in got.headers["Content-Security-Policy"]
        assert "租赁 合同.pdf" in asker.get(f"/requests/{one.request_no}").text
        for bad in (b"GIF89a", PDF + b"x" * photos.ATTACHMENT_BYTES_MAX):
            refused = sent(asker, one, (bad, "x.pdf"), to="attachments", name="file")
            assert refused.status_code in (413, 422)
        neighbour = intake.signed_in("resident", "R000002")
        path = f"/requests/{one.request_no}/attachments/{attachment_id}"
        assert neighbour.get(path).status_code == 404


def photos_limit() -> int:
    return 4 * pictures.UPLOAD_BYTES_MAX + 64 * 1024
