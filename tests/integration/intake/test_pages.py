"""The console's pages: who sees what, what they show, what their buttons do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.intake.actions import reports
from services.intake.app import create_app
from shared import clock
from shared.messaging import dead_letters
from shared.messaging.transaction import transaction
from shared.schemas.wire import REQUEST_SUBMITTED
from shared.web.access import access_of, undeclared_routes
from shared.web.settings import WebSettings
from tests.integration.intake.conftest import (
    BATCH,
    GRID,
    NOW,
    Intake,
    activity,
    asked,
    later,
)

PAGES = {
    "/overview": {"operator", "auditor"},
    "/requests": {"staff", "operator", "auditor", "resident"},
    "/residents": {"staff", "manager", "operator"},
    "/register": {"staff", "manager", "operator", "auditor"},
    "/census": {"staff", "manager"},
    "/unmaskings": {"auditor"},
    "/intake/rejected": {"operator", "auditor"},
    "/intake/dead-letters": {"operator", "auditor"},
    "/accounts": {"operator"},
    "/accounts/password": {"operator", "auditor", "staff", "resident", "partner"},
    "/": {"operator", "auditor", "staff", "resident", "partner"},
    "/api/v1/requests": {"staff", "operator", "auditor"},
    "/api/v1/events/rejected": {"operator", "auditor"},
}
SUBJECTS = {"resident": "R000001", "partner": "tea-house"}


def report(intake: Intake, service: str, ago_s: int = 0, **changes: Any) -> None:
    data = {
        "service": service,
        "process": "host:1",
        "outbox_pending": 0,
        "outbox_oldest_at": None,
        "dead_letters": 0,
        "queues": {},
        "reported_at": clock.now() - timedelta(seconds=ago_s),
        **changes,
    }
    with transaction(intake.sessions) as tx:
        reports.note(tx.session, data)


class TestAccess:
    def test_every_route_declares_its_access(self, intake: Intake) -> None:
        assert undeclared_routes(intake.app) == []

    def test_only_these_are_open_to_everybody(self, intake: Intake) -> None:
        app = intake.app
        found = {
            rule.rule
            for rule in app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
            if (access := access_of(app, rule.endpoint, method)) and access.kind == "public"
        }
        machines = {"/healthz", "/readyz", "/version", "/metrics"}
        open311 = {
            f"/open311{place}/{path}.{ending}"
            for place in ("/v2", "/test/v2")
            for path in (
                "services", "services/<service_code>", "requests",
                "requests/<service_request_id>", "tokens/<token>", "servicerequestupdates",
            )
            for ending in ("json", "xml")
        } | {
            f"/open311/{path}.{ending}"
            for path in ("discovery", "v2/discovery")
            for ending in ("json", "xml")
        }  # fmt: skip
        assert found == {
            "/", "/sign-in", "/sign-out", "/preferences", "/static/<path:filename>",
            "/intake/docs", "/intake/openapi.json", "/intake/static/<name>", *machines,
            "/v/<token>", "/t/<public_code>", "/board/public",
            "/wishes", "/wishes/<code>",
            "/hall", "/hall/matters/<code>", "/h/<public_code>",
            "/catalogue", "/catalogue.json",
            "/calendar", "/calendar/days.csv", "/calendar/hours.csv",
            *(f"/intake{path}" for path in machines), *open311,
        }  # fmt: skip

    @pytest.mark.parametrize("role", ["operator", "auditor", "staff", "resident", "partner"])
    def test_each_role_sees_its_own_pages(self, intake: Intake, role: str) -> None:
        browser = intake.signed_in(role, SUBJECTS.get(role))
        for path, roles in PAGES.items():
            expected = 200 if role in roles else 403
            assert browser.get(path).status_code == expected, path

    def test_visitors_are_asked_to_sign_in(self, intake: Intake) -> None:
        for path in PAGES:
            answer = intake.get(path, {"Accept": "text/html"})
            if path == "/":
                assert answer.status_code == 200
            elif path.startswith("/api/"):
                assert answer.status_code == 401
            else:
                assert answer.headers["Location"].startswith("/sign-in?next="), path

    def test_every_change_needs_the_token_and_the_operator(self, intake: Intake) -> None:
        letter = "/intake/dead-letters/019a3c5e-7b00-701a-8000-00000000001a"
        changes = [
            "/intake/rejected/redrive", "/accounts", "/accounts/x/reset", "/accounts/x/active",
            "/intake/dead-letters/replay", f"{letter}/replay", f"{letter}/discard",
        ]  # fmt: skip
        auditor, operator = intake.signed_in("auditor"), intake.signed_in("operator")
        for path in changes:
            assert auditor.post(path).status_code == 403, path
            assert operator.post(path, csrf_token="forged").status_code == 403, path


class TestHome:
    @pytest.mark.parametrize("role", ["operator", "staff", "resident", "partner", "auditor"])
    def test_links_by_role(self, intake: Intake, role: str) -> None:
        page = intake.signed_in(role, SUBJECTS.get(role)).get("/").text
        assert ('<h2><a href="/overview">' in page) == (role in {"operator", "auditor"})
        assert ('<h2><a href="/passbooks/R000001">' in page) == (role == "resident")

    def test_chinese_first_english_on_request(self, intake: Intake) -> None:
        client = intake.app.test_client()
        assert 'lang="zh-CN"' in client.get("/").text
        client.set_cookie("lang", "en")
        assert "Please sign in" in client.get("/").text


class TestOverview:
    def test_nothing_yet(self, intake: Intake) -> None:
        page = intake.signed_in("operator").get("/overview").text
        assert page.count("从未上报") == 4
        assert 'data-refresh="15"' in page

    def test_the_hour(self, intake: Intake) -> None:
        headers = intake.partner()
        clock.freeze(NOW - timedelta(minutes=61))
        intake.post(activity("old", time="2026-10-21T08:00:00+08:00"), headers)
        clock.freeze(NOW)
        intake.post([activity("a"), activity("a"), activity(type="x"), {}], headers, BATCH)
        page = intake.signed_in("operator").get("/overview").text
        assert "累计 5" in page
        assert 'href="/intake/rejected?reason=unsupported_type"' in page
        assert page.count('class="column"') == 60

    def test_services(self, intake: Intake) -> None:
        report(intake, "points", 5, outbox_pending=7, dead_letters=2, queues={"points.events": 9},
               outbox_oldest_at=clock.now() - timedelta(seconds=33))  # fmt: skip
        report(intake, "notify", 61)
        page = intake.signed_in("operator").get("/overview").text
        for shown in (
            "5 秒前",
            "33 秒前",
            "61 秒前",
            "points.events",
            'href="/points/dead-letters"',
        ):
            assert shown in page
        assert page.count("tone-warn") == 3  # one is silent, two never spoke


class TestRequests:
    def test_filters_and_pages(self, intake: Intake) -> None:
        headers = intake.partner()
        batch = [asked(f"q-{n}", title=f"标题{n}", urgency="urgent" if n % 2 else "normal")
                 for n in range(60)]  # fmt: skip
        batch.append(asked("q-none", title="无人", resident_no=None, category="0999",
                           grid_code="unknown"))  # fmt: skip
        intake.post(batch, headers, BATCH)
        browser = intake.signed_in("staff")
        first = browser.get("/requests").text
        assert first.count("/requests/Q2026") == 25
        assert "欧*** R000001" in first
        assert "欧阳若兰" not in first
        assert browser.get("/requests?urgency=urgent").text.count("/requests/Q2026") == 25
        assert browser.get("/requests?category=0999").text.count("/requests/Q2026") == 1
        assert browser.get(f"/requests?grid={GRID}").text.count("/requests/Q2026") == 25
        assert (
            browser.get("/requests?community=990101001001&category=0999").text.count(
                "/requests/Q2026"
            )
            == 0
        )
        assert browser.get("/requests?before=soon").status_code == 422
        assert browser.get("/requests?state=' OR 1=1--").status_code == 200

    def test_one(self, intake: Intake) -> None:
        intake.post(asked(title="<script>x</script>"), intake.partner())
        number = intake.one("SELECT request_no FROM requests")
        page = intake.signed_in("staff").get(f"/requests/{number}").text
        assert "&lt;script&gt;x" in page
        assert "鹊舞社区" in page
        assert "tea-house" in page
        assert intake.signed_in("staff").get("/requests/Q0").status_code == 404

    def test_residents_see_only_their_own(self, intake: Intake) -> None:
        headers = intake.partner()
        intake.post([asked("a", title="我的"), asked("b", title="别人的", resident_no="R000002"),
                     asked("c", title="无名的", resident_no=None)], headers, BATCH)  # fmt: skip
        browser = intake.signed_in("resident", "R000001")
        for query in ("", "?resident_no=R000002", "?grid=" + GRID):
            page = browser.get(f"/requests{query}").text
            assert ("我的" in page, "别人的" in page, "无名的" in page) == (True, False, False)
        for row in intake.rows("SELECT request_no, resident_no FROM requests"):
            expected = 200 if row["resident_no"] == "R000001" else 404
            assert browser.get(f"/requests/{row['request_no']}").status_code == expected


class TestResidents:
    def test_masked(self, intake: Intake) -> None:
        page = intake.signed_in("staff").get("/residents").text
        assert "欧***" in page
        assert "139****2222" in page
        assert "欧阳若兰" not in page
        assert "13911112222" not in page

    def test_found_by_number_household_and_phone(self, intake: Intake) -> None:
        browser = intake.signed_in("staff")
        for path, count in [
            ("?resident_no=R000002", 1), ("?household_no=H00001", 2), ("?grid=nowhere", 0),
            ("?community=990101001001", 2), ("?after=R000001", 1),
        ]:  # fmt: skip
            assert browser.get(f"/residents{path}").text.count('href="/passbooks/R') == count
        found = browser.post("/residents", phone="137 3333-4444").text
        assert found.count('href="/passbooks/R000002"') == 1
        assert browser.post("/residents", phone="1").text.count('href="/passbooks/R') == 0


class TestRejected:
    def test_list_and_redrive(self, intake: Intake) -> None:
        headers = intake.partner(event_types=[REQUEST_SUBMITTED])
        intake.partner("other")
        intake.post(activity(), headers)
        intake.post(b"nonsense", headers)
        browser = intake.signed_in("operator")
        page = browser.get("/intake/rejected?partner=tea-house&reason=not_entitled").text
        assert page.count('action="/intake/rejected/redrive"') == 1
        assert "没有被拒事件" in browser.get("/intake/rejected?partner=other").text
        later(seconds=1)
        still = browser.post("/intake/rejected/redrive", partner="tea-house", seq="1")
        assert still.headers["Location"] == "/intake/rejected"
        assert "仍被拒收" in browser.get("/intake/rejected").text
        intake.partner()
        browser.post("/intake/rejected/redrive", partner="tea-house", seq="3")
        assert "已重审：已接受" in browser.get("/intake/rejected").text
        assert intake.one("SELECT count(*) FROM contributions") == 1
        browser.post("/intake/rejected/redrive", partner="tea-house", seq="3")
        assert "没有可重审的事件" in browser.get("/intake/rejected").text

    @pytest.mark.parametrize("seq", ["", "x", "-1", "1" * 30, "٣"])
    def test_odd_numbers(self, intake: Intake, seq: str) -> None:
        browser = intake.signed_in("operator")
        assert browser.post("/intake/rejected/redrive", partner="p", seq=seq).status_code == 303

    def test_pages(self, intake: Intake) -> None:
        headers = intake.partner()
        intake.post([{}] * 120, headers, BATCH)
        browser = intake.signed_in("auditor")
        seen = 0
        path: str | None = "/intake/rejected"
        while path is not None:
            page = browser.get(path).text
            seen += page.count('class="chip tone-warn"')
            assert "/intake/rejected/redrive" not in page
            at = page.find('rel="next" href="')
            path = None if at < 0 else page[at + 17 :].split('"')[0].replace("&amp;", "&")
        assert seen == 120


class TestDeadLetters:
    def bury(self, intake: Intake, count: int = 1, **changes: Any) -> list[str]:
        with transaction(intake.sessions) as tx:
            dead_letters.bury(
                tx.session,
                [
                    dead_letters.Failure.of_event(
                        "intake.events",
                        {"id": f"{n}-{changes}", "type": "linli.x.y.v1", "source": "/linli/x"},
                        changes.get("reason", "KeyError"),
                        "Traceback\nKeyError: 'x'",
                        3,
                    )
                    for n in range(count)
                ],
            )
        return [str(row["id"]) for row in intake.rows("SELECT id FROM dead_letters ORDER BY id")]

    def test_nothing(self, intake: Intake) -> None:
        assert "没有死信" in intake.signed_in("operator").get("/intake/dead-letters").text

    def test_replay_and_discard(self, intake: Intake) -> None:
        one, two = self.bury(intake, 2)
        browser = intake.signed_in("operator")
        assert "KeyError" in browser.get("/intake/dead-letters").text
        browser.post(f"/intake/dead-letters/{one}/replay")
        browser.post(f"/intake/dead-letters/{two}/discard")
        states = {str(row["id"]): row["state"] for row in intake.rows("SELECT * FROM dead_letters")}
        assert states == {one: "replayed", two: "discarded"}
        sent = intake.rows("SELECT destination FROM outbox WHERE kind = 'direct'")
        assert sent == [{"destination": "intake.events"}]
        page = browser.get("/intake/dead-letters").text
        assert "已重放 1 条" in page
        assert "已作废 1 条" in page
        browser.post(f"/intake/dead-letters/{one}/replay")
        closed = browser.get("/intake/dead-letters?closed=1").text
        assert "这条死信已经处理" in closed
        assert closed.count("tone-ok") >= 1

    def test_replay_all_of_a_reason(self, intake: Intake) -> None:
        self.bury(intake, 3)
        self.bury(intake, 2, reason="schema")
        with transaction(intake.sessions) as tx:
            failure = dead_letters.Failure.of_bytes("intake.events", b"\xff", ValueError("bad"))
            dead_letters.bury(tx.session, [failure])
        browser = intake.signed_in("operator")
        page = browser.get("/intake/dead-letters?reason=schema").text
        assert page.count("/discard") == 2
        browser.post("/intake/dead-letters/replay", reason="KeyError")
        browser.post("/intake/dead-letters/replay", reason="undecodable")
        counts = intake.rows(
            "SELECT reason, state, count(*) AS n FROM dead_letters GROUP BY 1, 2 ORDER BY 1"
        )
        assert [tuple(row.values()) for row in counts] == [
            ("KeyError", "replayed", 3), ("schema", "open", 2), ("undecodable", "open", 1),
        ]  # fmt: skip
        assert "只能作废" in browser.get("/intake/dead-letters").text


class TestReadiness:
    def test_a_database_that_is_away(self, intake: Intake) -> None:
        away = replace(intake.settings, database_url="postgresql://intake:x@127.0.0.1:1/intake")
        app = create_app(away, WebSettings(session_key="k" * 40))
        client = app.test_client()
        answer = client.get("/readyz")
        assert (answer.status_code, list(answer.json["checks"])) == (503, ["database"])
        assert client.get("/healthz").status_code == 200
        door = client.post("/events", json={}, headers={"Authorization": "Bearer k"})
        assert (door.status_code, int(door.headers["Retry-After"]) > 0) == (503, True)
        app.extensions["linli.engine"].dispose()

    def test_ready(self, intake: Intake) -> None:
        answer = intake.get("/readyz")
        assert (answer.status_code, answer.json["checks"]) == (
            200, {"database": "ok", "migration": "ok"},
        )  # fmt: skip
