"""notify's API and pages, and the vendor's receipts, against a real database."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.serving import make_server

from deploy.simulators.sms import Simulator
from services.notify.app import create_app
from services.notify.clients import AliyunSms
from services.notify.config import Settings
from services.notify.tasks import create_actors
from shared import clock
from shared.db.session import make_engine
from shared.web.access import undeclared_routes
from shared.web.auth import Account
from shared.web.settings import WebSettings
from tests.integration.notify.conftest import Notify, credited, fulfilled, opened

TOKEN = "receipt-token"
RECEIPTS = f"/notify/receipts/aliyun?token={TOKEN}"
HTML = {"Accept": "text/html"}


@pytest.fixture
def app(notify: Notify, databases: dict[str, str]) -> Iterator[Flask]:
    settings = Settings(
        broker_url="amqp://nobody@127.0.0.1:1/linli",
        database_url=databases["NOTIFY_DATABASE_URL"],
        contact_key=notify.contact_key,
        field_key=notify.field_key,
        index_key=notify.index_key,
        sms_url="http://127.0.0.1:1",
        sms_access_key_id="a",
        sms_access_key_secret="b",
        sms_sign_name="邻里",
        receipt_token=TOKEN,
    )
    made = create_app(settings, WebSettings(session_key="k" * 40))
    yield made
    made.extensions["linli.engine"].dispose()


def as_(app: Flask, role: str, subject: str = "") -> FlaskClient:
    client = app.test_client()
    at = int(clock.now().timestamp())
    account = Account(account_no=f"{role}-1", role=role, subject=subject, name="王*")
    with client.session_transaction() as session:
        session.update(account=asdict(account), issued_at=at, last_seen=at, csrf_token="c" * 43)
    return client


def test_every_route_declares_who_may_use_it(app: Flask) -> None:
    assert undeclared_routes(app) == []


def test_ready_and_documented(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/notify/readyz").json["status"] == "ready"
    paths = client.get("/notify/openapi.json").json["paths"]
    assert {"/notify/api/v1/notices", "/notify/counts", "/notify/receipts/aliyun"} <= set(paths)


def test_a_resident_sees_only_their_own_notices(notify: Notify, app: Flask) -> None:
    notify.hear(notify.registered(), opened(), opened("R000002", "Q2"), credited())
    client = as_(app, "resident", "R000001")
    page = client.get("/notify/api/v1/notices?resident_no=R000002").json
    assert {one["resident_no"] for one in page["notices"]} == {"R000001"}
    assert len(page["notices"]) == 2
    assert "欧阳若兰" in page["notices"][0]["text"]


def test_the_office_sees_all_masked_page_by_page(notify: Notify, app: Flask) -> None:
    notify.hear(notify.registered(), *[opened(request_no=f"Q{n}") for n in range(5)])
    client = as_(app, "staff")
    seen, after = [], ""
    while True:
        page = client.get(f"/notify/api/v1/notices?limit=2{after}").json
        seen += page["notices"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len({one["id"] for one in seen}) == 5
    assert all("欧***" in one["text"] and "欧阳" not in one["text"] for one in seen)


@pytest.mark.parametrize("path", ["/notify/api/v1/notices", "/notify/counts"])
def test_nobody_else_may(app: Flask, path: str) -> None:
    assert app.test_client().get(path).status_code == 401
    assert as_(app, "partner", "enterprise-04").get(path).status_code == 403


def test_counts(notify: Notify, app: Flask) -> None:
    notify.hear(opened(), fulfilled(), credited())
    answer = as_(app, "operator").get("/notify/counts")
    told = answer.json
    assert [told.pop(kind) for kind in ("request_receipt", "wish", "points_credited")] == [1, 1, 1]
    assert set(told.values()) == {0}
    assert as_(app, "resident", "R000001").get("/notify/counts").status_code == 403


def test_deliveries_are_masked(notify: Notify, app: Flask) -> None:
    notify.hear(notify.registered(), opened())
    notify.work()
    page = as_(app, "staff").get("/notify/api/v1/deliveries?state=sent").json
    (one,) = page["deliveries"]
    assert (one["name"], one["phone"]) == ("欧***", "139****2222")
    assert as_(app, "staff").get("/notify/api/v1/deliveries?state=failed").json["deliveries"] == []
    assert as_(app, "staff").get("/notify/api/v1/deliveries?state=x").status_code == 422


def receipt(out_id: object, **other: object) -> dict[str, object]:
    return {
        "phone_number": "13911112222",
        "send_time": "2026-10-21 12:33:00",
        "report_time": "2026-10-21 12:33:04",
        "success": True,
        "err_code": "DELIVERED",
        "err_msg": "用户接收成功",
        "sms_size": "1",
        "biz_id": "biz^0",
        "out_id": str(out_id),
    } | other


def test_receipts(notify: Notify, app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    notify.hear(notify.registered(), opened())
    notify.work()
    delivery_id = notify.delivery()["id"]
    client = app.test_client()
    body = [receipt(uuid4()), {"nonsense": 1}, 7, receipt(delivery_id), receipt(delivery_id)]
    for _ in range(2):
        answer = client.post(RECEIPTS, json=body)
        assert (answer.status_code, answer.json) == (200, {"code": 0, "msg": "成功"})
    row = notify.delivery()
    assert row["state"] == "delivered"
    assert row["delivered_at"].isoformat() == "2026-10-21T04:33:04+00:00"
    assert "13911112222" not in caplog.text


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=令牌"])
def test_receipts_need_the_token(app: Flask, query: str) -> None:
    assert app.test_client().post(f"/notify/receipts/aliyun{query}", json=[]).status_code == 403


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'"x"', b"[" * 5000, b"\xff", b"[1e999]"])
def test_receipts_of_nonsense_are_refused_politely(app: Flask, body: bytes) -> None:
    answer = app.test_client().post(RECEIPTS, data=body, content_type="application/json")
    assert answer.status_code in {200, 400, 413, 415, 422}


def test_too_many_receipts(app: Flask) -> None:
    assert app.test_client().post(RECEIPTS, json=[{}] * 1001).status_code == 422


TEXTS = [
    {"channel": "in_app", "language": "zh", "body": "{name}：心愿 {wish_code} 已实现"},
    {"channel": "in_app", "language": "en", "body": "{name}: wish {wish_code} is fulfilled"},
    {"channel": "sms", "language": "zh", "body": "心愿 {wish_code}", "provider_code": "SMS_2"},
    {"channel": "sms", "language": "en", "body": "wish {wish_code}", "provider_code": "SMS_3"},
]


@pytest.fixture
def new_version(notify: Notify, databases: dict[str, str]) -> Iterator[None]:
    yield
    engine = make_engine(databases["NOTIFY_OWNER_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM templates WHERE version > 1"))
    engine.dispose()


def test_a_new_version_is_for_new_notices_only(
    notify: Notify, app: Flask, new_version: None
) -> None:
    notify.hear(notify.registered(), fulfilled())
    client = as_(app, "operator")
    headers = {"X-CSRF-Token": "c" * 43}
    answer = client.post(
        "/notify/api/v1/templates", json={"kind": "wish", "texts": TEXTS}, headers=headers
    )
    assert (answer.status_code, answer.json) == (201, {"kind": "wish", "version": 2})
    notify.hear(fulfilled())
    texts = [one["text"] for one in client.get("/notify/api/v1/notices").json["notices"]]
    assert texts[0].startswith("欧***，您好")
    assert texts[1] == "欧***：心愿 WISH-0007 已实现"
    notify.work()
    assert {sms.template_code for sms in notify.gateway.asked} == {"SMS_LINLI_WISH_ZH", "SMS_2"}


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (TEXTS[:3], "incomplete_version"),
        ([*TEXTS[:3], TEXTS[0]], "incomplete_version"),
        ([{**TEXTS[0], "body": "{phone}"}, *TEXTS[1:]], "unknown_placeholder"),
        ([*TEXTS[:3], {**TEXTS[3], "provider_code": None}], "provider_code"),
    ],
)
def test_a_version_that_could_not_be_sent_is_refused(
    app: Flask, texts: list[dict[str, str]], code: str
) -> None:
    answer = as_(app, "operator").post(
        "/notify/api/v1/templates",
        json={"kind": "wish", "texts": texts},
        headers={"X-CSRF-Token": "c" * 43},
    )
    assert (answer.status_code, answer.json["code"]) == (422, code)
    listed = as_(app, "staff").get("/notify/api/v1/templates").json["templates"]
    assert {one["version"] for one in listed if one["kind"] == "wish"} == {1}


def test_inbox_page(notify: Notify, app: Flask) -> None:
    client = as_(app, "resident", "R000001")
    assert "还没有消息" in client.get("/inbox", headers=HTML).text
    notify.hear(
        notify.registered(name="<b>若兰"), *[opened(request_no=f"Q{n:02}") for n in range(25)]
    )
    first = client.get("/inbox", headers=HTML).text
    assert "25 条未读" in first
    assert "&lt;b&gt;若兰，您好" in first
    assert "<b>若兰" not in first
    oldest = notify.rows("SELECT id FROM notices ORDER BY id DESC OFFSET 19 LIMIT 1")[0]["id"]
    second = client.get(f"/inbox?before={oldest}", headers=HTML).text
    assert second.count("您的诉求（编号") == 5
    newest = notify.rows("SELECT id FROM notices ORDER BY id DESC LIMIT 1")[0]["id"]
    form = {"up_to": str(newest), "csrf_token": "c" * 43}
    assert client.post("/inbox/read", data=form).status_code == 303
    assert "都已读过" in client.get("/inbox", headers=HTML).text
    assert client.post("/inbox/read", data={"up_to": str(newest)}).status_code == 403


def test_english_inbox_and_odd_cursors(notify: Notify, app: Flask) -> None:
    notify.hear(notify.registered(), credited(points=0, caps=("day",)))
    client = as_(app, "resident", "R000001")
    client.set_cookie("lang", "en")
    page = client.get("/inbox?before=xyz", headers=HTML).text
    assert "My messages" in page
    assert "credited 0 points and 120 minutes of service (a cap was reached)" in page


def test_office_page(notify: Notify, app: Flask) -> None:
    notify.hear(notify.registered(), opened(), fulfilled("R000077"))
    notify.work()
    page = as_(app, "staff").get("/notices", headers=HTML).text
    assert "139****2222" in page
    assert "欧阳" not in page
    assert "还没有这位居民的联系方式" in page
    filtered = as_(app, "staff").get("/notices?state=sent", headers=HTML).text
    assert "R000001" in filtered
    assert "R000077" not in filtered
    assert as_(app, "resident", "R000001").get("/notices", headers=HTML).status_code == 403


def test_the_whole_walk_with_the_simulator(notify: Notify, app: Flask) -> None:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    simulator = Simulator(
        access_key_id="id",
        access_key_secret="secret",
        receipt_url=f"http://127.0.0.1:{server.server_port}{RECEIPTS}",
    )
    simulator.start()
    gateway = AliyunSms(
        url=f"http://127.0.0.1:{simulator.port}",
        access_key_id="id",
        access_key_secret="secret",
        sign_name="邻里",
    )
    send_sms = create_actors(notify.sessions, notify.contacts, gateway)["send_sms"]
    try:
        phones = {"R000001": "13911112222", "R000002": "19900000003", "R000003": "19900000001"}
        for resident_no, phone in phones.items():
            notify.hear(notify.registered(resident_no, phone=phone), opened(resident_no))
        for delivery_id in notify.tasks():
            send_sms(delivery_id)
        wanted = {"R000001": "delivered", "R000002": "undeliverable", "R000003": "undeliverable"}
        deadline = time.monotonic() + 60
        while (found := states(notify)) != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        assert found == wanted
    finally:
        simulator.stop()
        server.shutdown()
        server.server_close()


def states(notify: Notify) -> dict[str, str]:
    rows = notify.rows(
        "SELECT n.resident_no, d.state FROM deliveries d JOIN notices n ON n.id = d.notice_id"
    )
    return {row["resident_no"]: row["state"] for row in rows}


def test_ids_of_notices_are_uuids_of_version_7(notify: Notify) -> None:
    notify.hear(opened())
    found = notify.one("SELECT id FROM notices")
    assert isinstance(found, UUID)
    assert found.version == 7
