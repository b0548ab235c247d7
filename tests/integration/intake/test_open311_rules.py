"""What the Open311 door refuses, hides, remembers and tells of a request that goes on."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from io import BytesIO
from typing import Any

import pytest

from services.intake.actions.open311.keys import revoke_key
from services.intake.actions.open311.services import load_settings
from services.intake.actions.open311.trials import sweep
from services.intake.actions.opening import Seals, open_requests
from services.intake.actions.steps import Step, take
from services.intake.rules.open311.settings_file import read_settings_file
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import Action, Actor
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, NOW, Intake, later
from tests.integration.intake.open311 import REAL, TEST, Client, codes, set_up

CLERK = Actor("account", "A-1")
SENSITIVE = "8102"
QUESTIONS = {
    "services": [
        {"service_code": "0102", "kind": "batch"},
        {"service_code": "0103", "kind": "blackbox"},
        {
            "service_code": "0404",
            "attributes": [
                {
                    "code": "depth",
                    "datatype": "number",
                    "required": True,
                    "description_zh": "多深",
                    "description_en": "How deep",
                }
            ],
        },
    ]
}
USUAL = {
    "services": [
        {
            "service_code": "*",
            "attributes": [
                {
                    "code": "fixmystreet_id",
                    "datatype": "string",
                    "variable": False,
                    "automated": "server_set",
                    "description_zh": "来源系统的编号",
                    "description_en": "The number in the sending system",
                }
            ],
        }
    ]
}


@pytest.fixture
def client(intake: Intake) -> Client:
    set_up(intake)
    return Client(intake)


def load(intake: Intake, document: dict[str, Any]) -> None:
    with transaction(intake.sessions) as tx:
        load_settings(tx, read_settings_file(document))
    intake.get(f"{REAL}/services.json")  # by which this process learns of it at once


def step(intake: Intake, code: str, *actions: Action, **change: object) -> None:
    with transaction(intake.sessions) as tx:
        (row,) = intake.rows("SELECT id FROM requests WHERE public_code = :code", code=code)
        take(
            tx,
            [Step(request_id=row["id"], action=one, change=change) for one in actions],
            CLERK,
        )


class TestRefusals:
    def test_no_key_and_wrong_key_are_403(self, client: Client) -> None:
        for key in (None, "wrong", ""):
            answer = client.post(api_key=key, service_code="nope")
            assert (answer.status_code, codes(answer)) == (403, ["api_key"])
        with transaction(client.intake.sessions) as tx:
            revoke_key(tx, client.key_no)
        assert client.post().status_code == 403

    @pytest.mark.parametrize("base", [REAL, TEST])
    def test_all_faults_are_told_at_once(self, client: Client, base: str) -> None:
        answer = client.post(base, service_code="nope", email="x", lat="1", long=None)
        assert answer.status_code == 404
        assert codes(answer) == ["long", "email", "service_code"]
        answer = client.post(base, lat=None, long=None)
        assert (answer.status_code, codes(answer)) == (400, ["location"])
        assert client.intake.one("SELECT count(*) FROM requests") == 0
        assert client.intake.one("SELECT count(*) FROM open311_trials") == 0

    def test_what_is_not_known_is_404(self, client: Client) -> None:
        get = client.intake.get
        for path in (
            "services/nope.json",
            "requests/AAAAAAAAAAAA.json",
            "requests/x.json",
            "tokens/x.json",
            "services.json?jurisdiction_id=nope",
            "requests.json?jurisdiction_id=nope",
            "nothing.json",
        ):
            answer = get(f"{REAL}/{path}")
            assert answer.status_code == 404, path
            assert codes(answer)
        assert get("/open311").status_code == 404
        assert client.post(jurisdiction_id="nope").status_code == 404

    def test_other_methods_are_405_in_the_same_form(self, client: Client) -> None:
        web = client.intake.app.test_client()
        answer = web.delete(f"{REAL}/requests.json")
        assert (answer.status_code, codes(answer)) == (405, ["method_not_allowed"])
        assert answer.headers["Allow"] == "GET, POST"
        assert web.post(f"{REAL}/services.xml").content_type == "text/xml; charset=utf-8"

    def test_errors_in_xml(self, client: Client) -> None:
        answer = client.post(form="xml", lat="x", long="<&>")
        assert (answer.status_code, answer.content_type) == (400, "text/xml; charset=utf-8")
        root = ET.fromstring(answer.data)
        assert root.tag == "errors"
        assert [one.findtext("code") for one in root.iterfind("error")] == ["lat", "long"]

    def test_bad_filters_are_400(self, client: Client) -> None:
        for query in (
            "status=done",
            "start_date=yesterday",
            "start_date=2026-01-01T00:00:00Z&end_date=2026-12-01T00:00:00Z",
            "start_date=2026-02-01T00:00:00Z&end_date=2026-01-01T00:00:00Z",
            "page=0",
            "page_size=1001",
            "page=101&page_size=1000.0",
            "page=1000&page_size=1000",
            "api_key=%00",
        ):
            answer = client.intake.get(f"{REAL}/requests.json?{query}")
            assert answer.status_code == 400, query
            assert codes(answer)

    def test_a_client_that_posts_too_much_has_to_wait(self, intake: Intake) -> None:
        set_up(intake)
        slow = Client(intake, "slow", per_minute=2)
        assert [slow.post(description=str(n)).status_code for n in range(3)] == [200, 200, 429]
        later(minutes=1)
        assert slow.post().status_code == 200

    def test_required_attributes(self, client: Client) -> None:
        load(client.intake, QUESTIONS)
        try:
            assert codes(client.post()) == ["attribute[depth]"]
            assert client.post(**{"attribute[depth]": "deep"}).status_code == 400
            assert client.post(**{"attribute[depth]": "12"}).status_code == 200
            token = client.post(service_code="0102").json[0]
            assert "service_request_id" not in token
            found = client.intake.get(f"{REAL}/tokens/{token['token']}.json").json
            assert client.intake.get(f"{REAL}/requests/{found[0]['service_request_id']}.json").json
            blind = client.post(service_code="0103").json[0]
            assert not {"service_request_id", "token"} & set(blind)
        finally:
            load(client.intake, USUAL)


class TestPrivacy:
    def test_what_is_sensitive_is_offered_and_never_shown(self, client: Client) -> None:
        listed = client.intake.get(f"{REAL}/services.json").json
        assert SENSITIVE in {one["service_code"] for one in listed}
        code = client.posted(service_code=SENSITIVE)
        assert client.intake.get(f"{REAL}/requests/{code}.json").status_code == 404
        assert client.intake.get(f"{REAL}/requests.json").json == []
        assert client.intake.get(f"{REAL}/requests.json?service_request_id={code}").json == []
        # Not even when somebody marks it by mistake
        step(client.intake, code, Action.NOTE, is_public=True)
        assert client.intake.get(f"{REAL}/requests/{code}.json").status_code == 404

    def test_a_client_sees_its_own(self, client: Client) -> None:
        code = client.posted(service_code=SENSITIVE, phone="13812345678")
        own = client.intake.get(f"{REAL}/requests/{code}.json?api_key={client.key}")
        assert own.json[0]["service_request_id"] == code
        assert "138" not in own.text
        other = Client(client.intake, "other")
        path = f"{REAL}/requests/{code}.json?api_key={other.key}"
        assert client.intake.get(path).status_code == 404
        assert client.intake.get(f"{REAL}/requests.json?api_key=wrong").status_code == 403

    def test_other_doors_are_shown_only_when_released(self, client: Client) -> None:
        new = NewRequest(
            door="counter", title="路灯不亮", description="我家 3 号楼 501，电话 13812345678",
            category="0404", grid_code=GRID, resident_no="R000001", opened_at=NOW,
            address="3 号楼 501",
        )  # fmt: skip
        with transaction(client.intake.sessions) as tx:
            seals = Seals(client.intake.cipher, client.intake.index)
            (one,) = open_requests(tx, [new], CLERK, seals)
        assert client.intake.get(f"{REAL}/requests.json").json == []
        step(client.intake, one.public_code, Action.NOTE, is_public=True)
        answer = client.intake.get(f"{REAL}/requests.json?extensions=true")
        (shown,) = answer.json
        assert shown["address"] == "鹊舞社区 鹊舞第1网格"
        assert "13812345678" not in answer.text
        assert shown["extended_attributes"]["channel"] == "counter"

    def test_a_key_is_kept_as_a_digest_only(self, client: Client) -> None:
        (row,) = client.intake.rows("SELECT * FROM open311_keys")
        assert client.key not in str(row)


class TestAgain:
    def test_the_same_id_with_another_content_is_refused(self, client: Client) -> None:
        headers = {"Idempotency-Key": "k"}
        first = client.post(headers=headers).json
        assert client.post(headers=headers).json == first
        answer = client.post(headers=headers, description="另一件")
        assert (answer.status_code, codes(answer)) == (400, ["id_conflict"])
        other = Client(client.intake, "other")
        assert other.post(headers=headers).json != first

    def test_fixmystreet_may_edit_between_two_tries(self, client: Client) -> None:
        own = {"attribute[fixmystreet_id]": "9"}
        assert client.posted(**own) == client.posted(description="改过", **own)
        assert client.intake.one("SELECT count(*) FROM requests") == 1

    def test_without_an_id_two_posts_are_two_requests(self, client: Client) -> None:
        assert client.posted() != client.posted()


class TestUpdates:
    def test_public_steps_become_updates(self, client: Client) -> None:
        code = client.posted()
        step(client.intake, code, Action.ADMIT)
        step(client.intake, code, Action.NOTE)
        later(minutes=5)
        path = f"{REAL}/servicerequestupdates.json"
        (update,) = client.intake.get(path).json
        assert update["service_request_id"] == code
        assert (update["status"], update["update_id"]) == ("for_triage", f"{code}-2")
        assert client.intake.get(f"{REAL}/servicerequestupdates.xml").status_code == 200
        later(hours=3)
        assert client.intake.get(path).json == []
        window = "start_date=2026-10-21T00:00:00Z&end_date=2026-10-22T00:00:00Z"
        assert len(client.intake.get(f"{path}?{window}").json) == 1
        assert codes(client.intake.get(f"{path}?start_date=2026-10-21T00:00:00Z")) == ["end_date"]

    def test_an_update_of_a_client_is_a_note_once(self, client: Client) -> None:
        code = client.posted()
        sent = {"service_request_id": code, "description": "又堵了", "status": "OPEN"}
        for _ in range(2):
            answer = client.update(**sent)
            assert (answer.status_code, answer.json) == (200, [{"update_id": "u-1"}])
        notes = client.intake.rows("SELECT note FROM step_notes")
        assert [row["note"] for row in notes] == ["又堵了"]
        assert client.update(update_id="u-2", **sent).status_code == 200
        assert client.intake.one("SELECT count(*) FROM step_notes") == 2

    def test_an_update_answers_what_was_asked(self, client: Client) -> None:
        code = client.posted()
        step(client.intake, code, Action.ADMIT, Action.DISPATCH, Action.ACCEPT, Action.ASK)
        client.update(service_request_id=code, description="在三单元", status="OPEN")
        assert client.intake.one("SELECT state FROM requests") == "in_progress"

    def test_faulty_updates(self, client: Client) -> None:
        code = client.posted()
        good = {"service_request_id": code, "description": "x"}
        assert client.update(**good, api_key="wrong").status_code == 403
        assert codes(client.update(**good, update_id=None)) == ["update_id"]
        assert codes(client.update(**good, status="HAPPY")) == ["status"]
        assert client.update(service_request_id="AAAAAAAAAAAA", description="x").status_code == 404

    def test_in_the_sandbox_the_client_moves_its_request(self, client: Client) -> None:
        code = client.posted(TEST)
        sent = {"service_request_id": code, "description": "好了", "status": "CLOSED"}
        assert client.update(TEST, **sent).status_code == 200
        assert client.intake.get(f"{TEST}/requests/{code}.json").json[0]["status"] == "closed"
        assert client.intake.get(f"{TEST}/requests.json?status=open").json == []
        assert client.intake.one("SELECT count(*) FROM request_steps") == 0


class TestPlaces:
    def building(self, intake: Intake) -> str:
        with transaction(intake.sessions) as tx:
            tx.session.connection().exec_driver_sql(
                "INSERT INTO buildings (building_no, grid_code, number, label, kind, address, lat,"
                " lon) VALUES ('990101001001002-00003', '990101001001002', '00003', '3',"
                " 'dwelling', '3号楼', 31.2001, 121.4001)"
            )
        return "990101001001002-00003"

    def test_the_nearest_building_tells_the_grid(self, client: Client) -> None:
        no = self.building(client.intake)
        near, far = client.posted(), client.posted(lat="31.21", long="121.41")
        rows = client.intake.rows("SELECT public_code, grid_code, building_no FROM requests")
        assert {row["public_code"]: row["building_no"] for row in rows} == {near: no, far: None}
        assert {row["grid_code"] for row in rows} == {"990101001001002"}
        answer = client.post(lat="40.7", long="-74.0")
        assert (answer.status_code, codes(answer)) == (400, ["lat"])
        client.posted(lat=None, long=None, address_id=no)
        assert codes(client.post(lat=None, long=None, address_id="nowhere")) == ["address_id"]

    def test_without_a_place_known_the_first_grid_takes_it(self, client: Client) -> None:
        client.posted(lat=None, long=None, address_string="合心路 8 号")
        assert client.intake.one("SELECT grid_code FROM requests") == GRID
        client.posted(lat=None, long=None, address_id="990101001001002")
        assert client.intake.one("SELECT max(grid_code) FROM requests") == "990101001001002"


def test_the_sandbox_is_emptied_after_a_month(client: Client) -> None:
    client.posted(TEST)
    later(days=20)
    client.posted(TEST)
    later(days=11)
    with transaction(client.intake.sessions) as tx:
        assert sweep(tx) == 1
    assert client.intake.one("SELECT count(*) FROM open311_trials") == 1


def test_photos_come_with_a_multipart_post(client: Client) -> None:
    from PIL import Image  # noqa: PLC0415

    picture = BytesIO()
    Image.effect_noise((64, 48), 80).convert("RGB").save(picture, "JPEG")
    fields = {
        "api_key": client.key,
        "service_code": "0404",
        "address_string": "合心路 8 号",
        "photo1": (BytesIO(picture.getvalue()), "a.jpg"),
    }
    web = client.intake.app.test_client()
    answer = web.post(f"{REAL}/requests.json", data=fields, content_type="multipart/form-data")
    assert answer.status_code == 200, answer.text
    assert client.intake.one("SELECT kind FROM photos") == "before"
    fields["photo1"] = (BytesIO(b"no picture"), "a.jpg")
    answer = web.post(f"{REAL}/requests.json", data=fields, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert codes(answer)
    assert client.intake.one("SELECT count(*) FROM requests") == 1
