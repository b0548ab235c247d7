"""Certificates of service: by two people, without gaps, shown first, gone when reversed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from services.points.actions import certificates as actions
from services.points.app import create_app
from services.points.queries import certificates as queries
from services.points.queries.certificates import Office, Told
from shared.errors import Conflict, Rejected
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.access import undeclared_routes
from shared.web.auth import Account
from shared.web.settings import WebSettings
from tests.integration.points.database import Ledger, attended, publish_rules
from tests.integration.points.sealing import as_superuser, at, place, seal_all

A, B = "R000001", "R000002"
HERE = "990101001001"
NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
OFFICE = Office(
    community_code=HERE,
    issuer="示范社区居委会",
    responsible="负责人甲",
    handler="经办人乙",
    contact="010-00000000",
    notice_days=7,
)


@pytest.fixture
def served(ledger: Ledger) -> Iterator[Ledger]:
    """A served on four days, an hour each; the entries were sealed; the office is known."""
    publish_rules(ledger)
    place(ledger, A, HERE)
    place(ledger, B, HERE)
    ledger.hear(*(attended(A, 60, day=day) for day in (1, 9, 20)))
    ledger.hear(attended(A, 60, day=31, kind="culture"), attended(A, 60, day=2, month=9))
    ledger.hear(attended(B, 60))
    with at(NOW - timedelta(days=1)):
        seal_all(ledger)
    with at(NOW):
        seal_all(ledger)
        with transaction(ledger.sessions) as tx:
            actions.keep_office(tx, OFFICE, "manager-1")
        yield ledger


def made(ledger: Ledger, resident_no: str = A) -> UUID:
    with transaction(ledger.sessions) as tx:
        certificate_id = actions.ask(tx, resident_no, FIRST, LAST, "升学用", "staff-1")
        actions.make(tx, certificate_id, "staff-1")
    return certificate_id


def issued(ledger: Ledger, resident_no: str = A) -> UUID:
    certificate_id = made(ledger, resident_no)
    with transaction(ledger.sessions) as tx:
        actions.issue(tx, certificate_id, "manager-1")
    return certificate_id


def told(ledger: Ledger, certificate_id: UUID) -> Told:
    with ledger.sessions() as session_:
        found = queries.certificate(session_, certificate_id)
    assert found is not None
    return found


def reverse(ledger: Ledger, award_id: object) -> None:
    """As a reversal leaves it: a document by two people, and the award it is about."""
    as_superuser(
        ledger,
        "WITH made AS (INSERT INTO documents (document_id, kind, on_date, made_by, checked_by,"
        " facts, made_at) VALUES (gen_random_uuid(), 'reversal', '2026-11-02', 'a', 'b', '{}',"
        " now()) RETURNING document_id) INSERT INTO reversals SELECT %(award)s, 'award',"
        " 'within_balance', document_id, now() FROM made",
        award=award_id,
    )


def test_a_certificate_tells_what_was_done_and_who_says_so(served: Ledger) -> None:
    one = told(served, issued(served))
    assert (one.minutes, one.state, one.certificate_no) == (240, "issued", f"{HERE}-2026-00001")
    assert one.contents == [
        {"kind": "elder_care", "count": 3, "minutes": 180, "first_on": "2026-10-01",
         "last_on": "2026-10-20"},
        {"kind": "culture", "count": 1, "minutes": 60, "first_on": "2026-10-31",
         "last_on": "2026-10-31"},
    ]  # fmt: skip
    assert (one.made_by, one.checked_by) == ("staff-1", "manager-1")
    assert one.office is not None
    assert one.office["issuer"] == "示范社区居委会"
    assert (one.issued_on, one.valid_on) == (date(2026, 11, 2), date(2026, 11, 9))
    assert one.proof_on == date(2026, 11, 1)
    assert one.proof_root is not None


def test_its_maker_cannot_issue_it(served: Ledger) -> None:
    certificate_id = made(served)
    with pytest.raises(Conflict, match="four_eyes"), transaction(served.sessions) as tx:
        actions.issue(tx, certificate_id, "staff-1")
    assert told(served, certificate_id).state == "made"
    issued_id = issued(served)
    with pytest.raises(IntegrityError, match="four_eyes"), served.engine.begin() as connection:
        connection.execute(
            text("UPDATE certificates SET checked_by = made_by WHERE certificate_id = :id"),
            {"id": issued_id},
        )


def test_no_shorter_notice_than_seven_days(served: Ledger) -> None:
    with pytest.raises(Rejected, match="bad_notice"), transaction(served.sessions) as tx:
        actions.keep_office(
            tx,
            Office(**{n: getattr(OFFICE, n) for n in Office.__slots__} | {"notice_days": 6}),
            "m",
        )
    certificate_id = issued(served)
    with pytest.raises(IntegrityError, match="notice"), served.engine.begin() as connection:
        connection.execute(
            text("UPDATE certificates SET valid_on = issued_on + 6 WHERE certificate_id = :id"),
            {"id": certificate_id},
        )


def test_numbers_have_no_gaps_even_when_many_issue_and_some_fail(served: Ledger) -> None:
    ids = [made(served) for _ in range(12)]
    failures: list[str] = []

    def work(certificate_id: UUID, number: int) -> None:
        try:
            with transaction(served.sessions) as tx:
                actions.issue(tx, certificate_id, "manager-1")
                if number % 3 == 0:
                    raise RuntimeError("lost on the way")  # noqa: TRY301
        except RuntimeError as problem:
            failures.append(str(problem))

    threads = [threading.Thread(target=work, args=(one, n)) for n, one in enumerate(ids)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(failures) == 4
    serials = served.rows("SELECT serial FROM certificates WHERE serial IS NOT NULL ORDER BY 1")
    assert [serial for (serial,) in serials] == list(range(1, 9))


def test_it_is_valid_when_the_notice_has_ended(served: Ledger, sign_in: SignIn) -> None:
    code = told(served, issued(served)).code
    public = sign_in("")
    assert "公示中，尚未生效" in public.get(f"/points/certificates/{code}").text
    assert HERE in public.get("/points/certificates").text
    with at(NOW + timedelta(days=6)):
        assert "公示中，尚未生效" in public.get(f"/points/certificates/{code}").text
    with at(NOW + timedelta(days=7)):
        page = public.get(f"/points/certificates/{code}").text
        assert "有效" in page
        assert "没有正在公示的证明" in public.get("/points/certificates").text


def test_a_reversed_award_revokes_it_and_asks_for_it_anew(served: Ledger) -> None:
    certificate_id, waiting = issued(served), made(served)
    other = issued(served, B)
    ((award_id,),) = served.rows(
        "SELECT award_id FROM awards WHERE owner = :o AND on_date = '2026-10-09'", o=A
    )
    reverse(served, award_id)
    with transaction(served.sessions) as tx:
        assert set(actions.after_reversal(tx, [award_id])) == {certificate_id, waiting}
    assert told(served, certificate_id).state == "revoked"
    assert told(served, certificate_id).certificate_no is not None
    assert told(served, waiting).state == "refused"
    assert told(served, other).state == "issued"
    with served.sessions() as session_:
        [anew] = queries.waiting(session_)
    assert (anew.replaces, anew.state) == (certificate_id, "asked")
    with transaction(served.sessions) as tx:
        actions.make(tx, anew.certificate_id, "staff-1")
        actions.issue(tx, anew.certificate_id, "manager-1")
    assert told(served, anew.certificate_id).minutes == 180
    with transaction(served.sessions) as tx:
        assert actions.sweep(tx) == []


def test_the_clock_finds_what_was_reversed_past_the_action(served: Ledger) -> None:
    certificate_id = issued(served)
    ((award_id,),) = served.rows(
        "SELECT award_id FROM awards WHERE owner = :o AND on_date = '2026-10-09'", o=A
    )
    reverse(served, award_id)
    with transaction(served.sessions) as tx:
        assert actions.sweep(tx) == [certificate_id]
    assert told(served, certificate_id).state == "revoked"


def test_what_was_reversed_before_it_is_issued_stops_it(served: Ledger) -> None:
    certificate_id = made(served)
    ((award_id,),) = served.rows(
        "SELECT award_id FROM awards WHERE owner = :o AND on_date = '2026-10-09'", o=A
    )
    reverse(served, award_id)
    with pytest.raises(Conflict, match="reversed"), transaction(served.sessions) as tx:
        actions.issue(tx, certificate_id, "manager-1")
    assert served.rows("SELECT last_serial FROM certificate_registers") == []


@pytest.mark.parametrize(
    ("resident_no", "from_on", "until_on", "code"),
    [
        ("R999999", FIRST, LAST, "unknown_resident"),
        (A, LAST, FIRST, "bad_period"),
        (A, FIRST, date(2026, 11, 3), "bad_period"),
        (A, date(2026, 1, 1), date(2026, 1, 31), "no_service"),
    ],
)
def test_bad_requests_leave_nothing(
    served: Ledger, resident_no: str, from_on: date, until_on: date, code: str
) -> None:
    with pytest.raises(Rejected, match=code), transaction(served.sessions) as tx:
        actions.make(tx, actions.ask(tx, resident_no, from_on, until_on, "", "s"), "s")
    assert served.rows("SELECT * FROM certificates") == []


def test_the_application_cannot_take_one_away(served: Ledger) -> None:
    issued(served)
    for change in (
        "DELETE FROM certificates",
        "DELETE FROM certificate_awards",
        "UPDATE certificate_awards SET minutes = 1",
        "UPDATE certificates SET resident_no = 'R000002'",
        "DELETE FROM certificate_registers",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            served.engine.begin() as connection,
        ):
            connection.execute(text(change))


SignIn = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def app(module_ledger: Ledger) -> Iterator[Flask]:
    app = create_app(module_ledger.settings, WebSettings(session_key="k" * 40))
    yield app
    app.extensions["linli.engine"].dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    def sign_in(role: str, subject: str = "", account_no: str = "a-1") -> FlaskClient:
        client = app.test_client()
        if role:
            with app.test_request_context():
                auth.sign_in(Account(account_no=account_no, role=role, subject=subject))
                held = dict(session)
            with client.session_transaction() as of_client:
                of_client.update(held, csrf_token="t")
        return client

    return sign_in


def post(client: FlaskClient, path: str, **form: str) -> int:
    return client.post(path, data={"csrf_token": "t", **form}).status_code


def test_every_route_says_who_may_use_it(app: Flask) -> None:
    assert undeclared_routes(app) == []


def test_from_asking_to_the_printed_sheet(served: Ledger, sign_in: SignIn) -> None:
    resident, clerk = sign_in("resident", A), sign_in("staff", account_no="s-1")
    manager, desk = sign_in("manager", account_no="m-1"), "/points/desk/certificates"
    own = f"/passbooks/{A}/certificates"
    assert post(resident, own, from_on="2026-10-01", until_on="2026-10-31") == 303
    assert "已申请" in resident.get(own).text
    ((certificate_id, code),) = served.rows("SELECT certificate_id, code FROM certificates")
    assert post(clerk, f"{desk}/{certificate_id}/make") == 303
    assert post(clerk, f"{desk}/{certificate_id}/issue") == 403
    assert "签发" in manager.get(desk).text
    assert post(manager, f"{desk}/{certificate_id}/issue") == 303
    assert told(served, certificate_id).state == "issued"
    for client in (resident, manager, sign_in("auditor")):
        sheet = client.get(f"/points/certificates/{code}/print").text
        for part in (
            A,
            "4 小时",
            "扶老帮困",
            "示范社区居委会",
            "负责人甲",
            f"{HERE}-2026-00001",
            "<svg",
        ):
            assert part in sheet
        answer = client.get(f"/points/certificates/{code}/certificate.pdf")
        assert answer.data.startswith(b"%PDF-")
    assert sign_in("resident", B).get(f"/points/certificates/{code}/print").status_code == 403
    verified = sign_in("").get(f"/points/certificates/{code}").text
    assert A not in verified
    assert "R***01" in verified
    assert "负责人甲" not in verified
    assert post(manager, f"{desk}/{certificate_id}/revoke", reason="开错了") == 303
    verified = sign_in("").get(f"/points/certificates/{code}").text
    assert "已撤销" in verified
    assert "开错了" in verified


def test_who_sees_what(served: Ledger, sign_in: SignIn) -> None:
    assert sign_in("").get("/points/certificates/" + "0" * 20).status_code == 404
    assert sign_in("").get("/points/certificates?code=zzz").status_code == 200
    assert sign_in("staff").get("/points/desk/certificates/office").status_code == 403
    assert sign_in("partner", "shop-01").get("/points/desk/certificates").status_code == 403
    assert sign_in("resident", B).get(f"/passbooks/{A}/certificates").status_code == 403
    unissued = told(served, made(served)).code
    assert sign_in("").get(f"/points/certificates/{unissued}").status_code == 404


def test_the_office_is_kept_by_a_manager(served: Ledger, sign_in: SignIn) -> None:
    manager, place_ = sign_in("manager"), "/points/desk/certificates/office"
    form = {"issuer": "新单位", "responsible": "丙", "handler": "丁", "contact": "前台"}
    assert post(manager, place_, community_code=HERE, notice_days="10", **form) == 303
    assert "新单位" in manager.get(f"{place_}?community={HERE}").text
    assert post(manager, place_, community_code=HERE, notice_days="3", **form) == 303
    assert post(manager, place_, community_code="坏 代码", notice_days="7", **form) == 303
    assert served.rows("SELECT community_code, notice_days FROM certificate_offices") == [
        (HERE, 10)
    ]
