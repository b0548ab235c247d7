"""Independent clients, unchanged, against a real server; and the same post fifty times at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import requests
from civicbot.http import HttpError, HttpTransport, RateLimiter
from civicbot.open311 import Open311Client
from civicbot.registry import Endpoint
from georeport import GeoReport
from sqlalchemy import text

from services.intake.actions import catalogue, register
from services.intake.actions.open311.keys import add_key
from services.intake.actions.open311.services import load_settings
from services.intake.rules.open311.settings_file import read_settings_file
from shared.db.session import Sessions, make_engine, make_sessions
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import DISTRICT, key
from tests.integration.intake.served import served

pytestmark = pytest.mark.timeout(300)

AT_ONCE = 50
ASKED = {
    "services": [
        {
            "service_code": "0404",
            "attributes": [
                {
                    "code": "depth_cm",
                    "datatype": "number",
                    "required": True,
                    "description_zh": "积水多深（厘米）",
                    "description_en": "How deep is it, in centimetres",
                },
                {
                    "code": "blocks",
                    "datatype": "multivaluelist",
                    "description_zh": "挡住了什么",
                    "description_en": "What does it block",
                    "values": [
                        {"key": "road", "name": "道路 / road"},
                        {"key": "door", "name": "楼门 / door"},
                    ],
                },
            ],
        },
        {"service_code": "0102", "kind": "batch"},
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
        },
    ]
}


@dataclass(frozen=True)
class Site:
    """A running site with a district, a catalogue and one client's key."""

    address: str
    sessions: Sessions
    key: str

    @property
    def open311(self) -> str:
        return f"{self.address}/open311/v2"


@pytest.fixture(scope="module")
def site(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    engine = make_engine(settings["INTAKE_DATABASE_URL"], pool_size=1)
    sessions = make_sessions(engine)
    with transaction(sessions) as tx:
        register.load_district(tx, DISTRICT)
        catalogue.set_up(tx)
        load_settings(tx, read_settings_file(ASKED))
        _, made = add_key(tx, "随手拍", by="tests", per_minute=100_000)
    with served(tmp_path_factory.mktemp("site"), {**settings, "INTAKE_FIELD_KEY": key()}) as at:
        yield Site(at, sessions, made)
    engine.dispose()


@pytest.fixture
def civicbot(site: Site) -> Open311Client:
    endpoint = Endpoint("linli", "邻里", site.open311, write=True)
    return Open311Client(endpoint, HttpTransport(rate_limiter=RateLimiter(min_interval=0.0)))


class TestCivicbot:
    def test_reads_services_and_a_definition(self, civicbot: Open311Client) -> None:
        listed = civicbot.list_services()
        assert {"0404", "0102"} <= {one["service_code"] for one in listed}
        asked = civicbot.get_service_definition("0404")["attributes"]
        assert [one["code"] for one in asked] == ["depth_cm", "blocks", "fixmystreet_id"]
        assert [one["order"] for one in asked] == [1, 2, 3]

    def test_posts_with_attributes_and_finds_it_again(
        self, civicbot: Open311Client, site: Site
    ) -> None:
        sent = civicbot.create_request(
            "0404",
            lat=31.2,
            lng=121.4,
            description="井盖旁积水\n三天了",
            attributes={"depth_cm": 12.5, "blocks": ["road", "door"]},
            first_name="王芳",
            api_key=site.key,
            dry_run=False,
            confirm="SEND",
            validate_remote=True,
        )
        (made,) = sent.response
        code = made["service_request_id"]
        assert "内办结" in made["service_notice"]
        found = civicbot.get_request(code)
        assert found is not None
        assert found["description"] == "井盖旁积水\n三天了"
        listed = civicbot.list_requests(service_code="0404", status="open")
        assert code in {one["service_request_id"] for one in listed}
        assert [one["service_request_id"] for one in civicbot.list_requests(
            service_request_ids=[code]
        )] == [code]  # fmt: skip
        with site.sessions() as session:
            answers = session.execute(
                text(
                    "SELECT answers FROM open311_reports x JOIN requests r ON r.id = x.request_id"
                    " WHERE r.public_code = :code"
                ),
                {"code": code},
            ).scalar_one()
        assert answers == {"depth_cm": ["12.5"], "blocks": ["road", "door"]}

    def test_a_token_leads_to_the_request(self, civicbot: Open311Client, site: Site) -> None:
        sent = civicbot.create_request(
            "0102",
            address_string="合心路 8 号",
            api_key=site.key,
            dry_run=False,
            confirm="SEND",
        )
        (made,) = sent.response
        assert "service_request_id" not in made
        (behind,) = civicbot.get_token(made["token"])
        assert behind["token"] == made["token"]
        assert civicbot.get_request(behind["service_request_id"])

    def test_is_refused_without_a_good_key(self, civicbot: Open311Client) -> None:
        with pytest.raises(HttpError) as caught:
            civicbot.create_request(
                "0102", address_string="x", api_key="wrong", dry_run=False, confirm="SEND"
            )
        assert caught.value.status == 403
        assert "api_key" in caught.value.body


@pytest.mark.parametrize("form", ["json", "xml"])
def test_georeport_reads_all_it_knows(site: Site, form: str) -> None:
    codes = [_post(site, f"g-{form}-{n}")[0]["service_request_id"] for n in range(2)]
    client = GeoReport(site.open311, jurisdiction="990101", output_format=form)
    services = client.get_service_list()
    assert "0404" in {one["service_code"] for one in services}
    asked = client.get_service_definition("0404")
    assert asked["service_code"] == "0404"
    one = client.get_service_request(codes[0])
    assert one["service_request_id"] == codes[0]
    assert one["status"] == "open"
    found = client.get_service_requests(service_request_id=",".join(codes))
    assert {each["service_request_id"] for each in found} == set(codes)
    found = client.get_service_requests(service_code="0404", status="open,closed")
    assert set(codes) <= {each["service_request_id"] for each in found}
    with pytest.raises(requests.HTTPError):
        GeoReport(site.open311, jurisdiction="nowhere", output_format=form).get_service_list()


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"attribute[fixmystreet_id]": "4711"}, {}),
        ({}, {"Idempotency-Key": "once"}),
        ({"device_id": "phone-1"}, {}),
    ],
    ids=["fixmystreet_id", "header", "device"],
)
@pytest.mark.parametrize("base", ["v2", "test/v2"])
def test_the_same_post_fifty_times_in_parallel_is_one_request(
    site: Site, base: str, fields: dict[str, str], headers: dict[str, str]
) -> None:
    described = f"{base} {fields} {headers}"

    def post(_: int) -> tuple[int, bytes]:
        answer = requests.post(
            f"{site.address}/open311/{base}/requests.json",
            data=_form(site) | {"description": described} | fields,
            headers=headers,
            timeout=60,
        )
        return answer.status_code, answer.content

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = set(pool.map(post, range(AT_ONCE)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 200
    table = "requests" if base == "v2" else "open311_trials"
    with site.sessions() as session:
        count = session.execute(
            text(f"SELECT count(*) FROM {table} WHERE description = :described"),
            {"described": described},
        ).scalar_one()
    assert count == 1


def test_different_posts_at_once_are_different_requests(site: Site) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda n: _post(site, f"many-{n}"), range(64)))
    assert len({one[0]["service_request_id"] for one in made}) == 64


def _form(site: Site) -> dict[str, str]:
    return {
        "api_key": site.key,
        "service_code": "0404",
        "lat": "31.2001",
        "long": "121.4001",
        "attribute[depth_cm]": "3",
    }


def _post(site: Site, description: str) -> list[dict[str, str]]:
    answer = requests.post(
        f"{site.open311}/requests.json",
        data=_form(site) | {"description": description},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    made: list[dict[str, str]] = answer.json()
    return made
