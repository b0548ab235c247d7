"""The operator's page of the Open311 door: keys, and the table that goes out and comes back."""

from __future__ import annotations

import re
from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import text

from services.intake.queries.open311.bulk import bulk_lines, compared
from services.intake.queries.open311.services import ServiceList
from services.intake.rules.open311.bulk import COLUMNS, read_table, write_table
from shared import clock
from shared.errors import Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import Intake
from tests.integration.intake.open311 import REAL, Client, set_up

PAGE = "/intake/open311"
NASTY = "=cmd|'/C calc'!A0\n\"引号\",逗号"


@pytest.fixture
def client(intake: Intake) -> Client:
    set_up(intake)
    return Client(intake)


def test_an_operator_gives_out_a_key_and_takes_it_back(client: Client) -> None:
    operator = client.intake.signed_in("operator")
    page = operator.post(f"{PAGE}/keys", name="热线", per_minute="30")
    found = re.search(r"<code>(o311-[\w-]+)</code>", page.text)
    assert found is not None
    assert found[1] not in operator.get(PAGE).text
    assert client.post(api_key=found[1]).status_code == 200
    (row,) = client.intake.rows("SELECT key_no, per_minute FROM open311_keys WHERE name = '热线'")
    assert row["per_minute"] == 30
    assert operator.post(f"{PAGE}/keys/{row['key_no']}/revoke").status_code == 303
    assert client.post(api_key=found[1]).status_code == 403
    assert operator.post(f"{PAGE}/keys", name=" ").status_code == 422
    assert operator.post(f"{PAGE}/keys/999/revoke").status_code == 404


def test_others_may_read_or_not_even_that(client: Client) -> None:
    auditor = client.intake.signed_in("auditor")
    assert auditor.get(PAGE).status_code == 200
    assert auditor.post(f"{PAGE}/keys", name="x").status_code == 403
    assert client.intake.signed_in("resident", "R000001").get(PAGE).status_code == 403


def test_the_table_comes_back_as_it_went_out(client: Client) -> None:
    codes = {client.posted(description=NASTY), client.posted(description="+1 楼")}
    client.posted(service_code="8102", description="不公开")
    operator = client.intake.signed_in("operator")
    answer = operator.get(f"{PAGE}/requests.csv?start=2026-10-01&end=2026-10-31")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert "不公开" not in answer.text
    lines = list(read_table(answer.data))
    assert {line["service_request_id"] for line in lines} == codes
    assert {line["description"] for line in lines} == {NASTY, "+1 楼"}
    assert all(tuple(line) == COLUMNS for line in lines)
    assert write_table(lines) == answer.text
    with client.intake.sessions() as session:
        offered = ServiceList().at(session, clock.now())
        assert compared(session, offered, answer.data) == (2, [])
        start = clock.now() - timedelta(days=1)
        assert len(bulk_lines(session, offered, start, clock.now())) == 2


@pytest.mark.parametrize("query", ["", "start=x&end=2026-01-01", "start=2026-01-01&end=9999-12-31"])
def test_days_that_are_none_are_named(client: Client, query: str) -> None:
    answer = client.intake.signed_in("operator").get(f"{PAGE}/requests.csv?{query}")
    assert answer.status_code == 422
    assert "须为日期" in answer.text


def test_what_changed_since_is_named(client: Client) -> None:
    code = client.posted(description="原文")
    operator = client.intake.signed_in("operator")
    table = operator.get(f"{PAGE}/requests.csv?start=2026-10-01&end=2026-10-31").data
    with transaction(client.intake.sessions) as tx:
        tx.session.execute(text("UPDATE requests SET description = '改了'"))
    table += table.splitlines()[1].replace(code.encode(), b"AAAAAAAAAAAA") + b"\r\n"
    answer = operator.client.post(
        f"{PAGE}/compare",
        data={"csrf_token": operator.token(), "file": (BytesIO(table), "t.csv")},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 200
    assert "改了" in answer.text
    with client.intake.sessions() as session:
        count, found = compared(session, ServiceList().at(session, clock.now()), table)
    assert count == 2
    assert [(one.line_no, one.field) for one in found] == [(2, "description"), (3, "")]


@pytest.mark.parametrize(
    "content", [b"", b"a,b\r\n", b"\xff\xfe", (",".join(COLUMNS) + "\r\n1,2\r\n").encode()]
)
def test_what_is_no_such_table_is_refused(content: bytes) -> None:
    with pytest.raises(Rejected):
        list(read_table(content))


def test_a_table_is_no_way_to_see_what_is_hidden(client: Client) -> None:
    code = client.posted(service_code="8102")
    table = write_table([dict.fromkeys(COLUMNS, "") | {"service_request_id": code}])
    with client.intake.sessions() as session:
        offered = ServiceList().at(session, clock.now())
        (found,) = compared(session, offered, table.encode())[1]
    assert (found.code, found.here) == (code, "")
    assert client.intake.get(f"{REAL}/requests.json").json == []
