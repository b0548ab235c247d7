"""What the tests of the Open311 door share: a district with a catalogue, a client with a key."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from werkzeug.test import TestResponse

from services.intake.actions import catalogue
from services.intake.actions.open311.keys import add_key
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import Intake

REAL = "/open311/v2"
TEST = "/open311/test/v2"
HERE = {"lat": "31.2001", "long": "121.4001"}


class Client:
    """A program with a key."""

    def __init__(self, intake: Intake, name: str = "城市随手拍", per_minute: int = 1000) -> None:
        self.intake = intake
        with transaction(intake.sessions) as tx:
            self.key_no, self.key = add_key(tx, name, by="tests", per_minute=per_minute)

    def post(self, base: str = REAL, form: str = "json", **fields: Any) -> TestResponse:
        """A request under `0404`, unless the fields say otherwise (None leaves one out)."""
        headers = fields.pop("headers", {})
        sent = {
            "api_key": self.key,
            "service_code": "0404",
            "description": "三单元门口积水",
            **HERE,
            **fields,
        }
        kept = {name: value for name, value in sent.items() if value is not None}
        return self.intake.app.test_client().post(
            f"{base}/requests.{form}",
            data=urlencode(kept, doseq=True),
            content_type="application/x-www-form-urlencoded",
            headers=headers,
        )

    def posted(self, base: str = REAL, **fields: Any) -> str:
        """The number of a request that was taken."""
        answer = self.post(base, **fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json[0]["service_request_id"])

    def update(self, base: str = REAL, **fields: Any) -> TestResponse:
        sent = {"api_key": self.key, "update_id": "u-1", "status": "OPEN", **fields}
        kept = {name: value for name, value in sent.items() if value is not None}
        return self.intake.app.test_client().post(f"{base}/servicerequestupdates.json", data=kept)


def set_up(intake: Intake) -> None:
    """The catalogue that comes with Linli."""
    with transaction(intake.sessions) as tx:
        catalogue.set_up(tx)


def codes(answer: TestResponse) -> list[str]:
    """The codes of a list of errors."""
    assert answer.is_json, answer.text
    listed = answer.json
    assert all(set(one) == {"code", "description"} for one in listed)
    return [one["code"] for one in listed]
