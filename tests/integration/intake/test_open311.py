"""Open311 GeoReport v2: what is found, asked, posted and shown, in both formats."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.integration.intake.conftest import GRID, Intake
from tests.integration.intake.open311 import REAL, TEST, Client, codes, set_up


@pytest.fixture
def client(intake: Intake) -> Client:
    set_up(intake)
    return Client(intake)


def test_discovery_is_at_both_places_in_both_formats(client: Client) -> None:
    for path in ("/open311/discovery", "/open311/v2/discovery"):
        answer = client.intake.get(f"{path}.json")
        assert answer.content_type == "application/json; charset=utf-8"
        ends = {one["type"]: one["url"] for one in answer.json["endpoints"]}
        assert ends == {
            "production": "http://localhost/open311/v2",
            "test": "http://localhost/open311/test/v2",
        }
        xml = client.intake.get(f"{path}.xml")
        assert xml.content_type == "text/xml; charset=utf-8"
        root = ET.fromstring(xml.data)
        assert root.tag == "discovery"
        assert [one.text for one in root.iterfind("endpoints/endpoint/type")] == [
            "production",
            "test",
        ]
        assert [one.text for one in root.find("endpoints/endpoint/formats") or ()] == [
            "text/xml",
            "application/json",
        ]


def test_services_come_from_the_catalogue(client: Client) -> None:
    listed = client.intake.get(f"{REAL}/services.json").json
    drain = next(one for one in listed if one["service_code"] == "0404")
    assert drain["service_name"] == "下水道堵塞或破损"
    assert drain["metadata"] is True
    assert drain["type"] == "realtime"
    assert "xsddshps" in drain["keywords"]
    assert all(one["service_code"].isascii() for one in listed)
    root = ET.fromstring(client.intake.get(f"{REAL}/services.xml").data)
    assert len(root.findall("service")) == len(listed)
    assert root.find("service/metadata") is not None


def test_a_definition_has_the_number_that_makes_trying_again_safe(client: Client) -> None:
    found = client.intake.get(f"{REAL}/services/0404.json").json
    assert found["service_code"] == "0404"
    own = found["attributes"][-1]
    assert (own["code"], own["variable"], own["automated"]) == (
        "fixmystreet_id",
        False,
        "server_set",
    )
    assert codes(client.intake.get(f"{REAL}/services/nope.json")) == ["service_code"]
    assert client.intake.get(f"{REAL}/services/nope.json").status_code == 404


def test_a_post_opens_a_request_that_anybody_can_follow(client: Client) -> None:
    code = client.posted(first_name="芳", last_name="王", phone="13812345678", media_url="")
    answer = client.intake.get(f"{REAL}/requests/{code}.json")
    assert answer.status_code == 200, answer.text
    (shown,) = answer.json
    assert shown["status"] == "open"
    assert shown["service_code"] == "0404"
    assert shown["description"] == "三单元门口积水"
    assert shown["requested_datetime"] == "2026-10-21T12:33:30+08:00"
    assert "王" not in answer.text
    assert "138" not in answer.text
    row = client.intake.rows("SELECT * FROM requests")[0]
    assert (row["door"], row["grid_code"], row["public_code"]) == ("open311", GRID, code)
    (opened,) = client.intake.said("linli.request.opened.v1")
    assert opened["data"]["request_no"] == row["request_no"]
    sealed = client.intake.one("SELECT sealed FROM request_contacts")
    assert "王芳" in client.intake.cipher.decrypt(sealed, bound_to=code)


def test_the_sandbox_keeps_its_own_list_and_tells_nobody(client: Client) -> None:
    code = client.posted(TEST, first_name="王芳")
    assert client.intake.get(f"{TEST}/requests/{code}.json").json[0]["status"] == "open"
    assert client.intake.get(f"{REAL}/requests/{code}.json").status_code == 404
    assert client.intake.one("SELECT count(*) FROM requests") == 0
    assert client.intake.one("SELECT count(*) FROM request_contacts") == 0
    assert client.intake.said("linli.request.opened.v1") == []
    assert [one["service_request_id"] for one in client.intake.get(f"{TEST}/requests.json").json]
