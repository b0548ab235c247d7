"""Accounts: signing in, the lock-out at any concurrency, passwords, the operator's list."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest

from services.intake.actions import accounts
from shared.errors import Conflict, LinliError, Missing, Rejected, TooMany, Unauthenticated
from shared.messaging.transaction import transaction
from shared.web import passwords
from tests.integration.intake.conftest import PASSWORD, Browser, Intake, later


def attempt(intake: Intake, login: str, password: str, address: str = "10.0.0.1") -> str:
    """What an attempt is told: `ok`, or the code of the error."""
    try:
        accounts.sign_in(
            intake.sessions, intake.index, login=login, password=password, address=address
        )
    except LinliError as error:
        return error.code
    return "ok"


def add(intake: Intake, **changes: str | None) -> str:
    fields: dict[str, str | None] = {
        "login": "clerk", "role": "staff", "subject": None, "display_name": "一窗口", **changes,
    }  # fmt: skip
    with transaction(intake.sessions) as tx:
        return accounts.add_account(tx, **fields)  # type: ignore[arg-type]


class TestAdding:
    def test_the_password_is_returned_and_kept_nowhere(self, intake: Intake) -> None:
        password = add(intake)
        assert len(password) == 16
        stored = intake.one("SELECT a::text FROM accounts a")
        assert password not in stored
        assert "$argon2id$" in stored
        assert attempt(intake, "Clerk ", password) == "ok"

    def test_a_given_password_must_be_good(self, intake: Intake) -> None:
        with pytest.raises(Rejected, match="weak_password"):
            add(intake, password="secret")
        assert intake.one("SELECT count(*) FROM accounts") == 0

    def test_a_login_is_taken_once(self, intake: Intake) -> None:
        add(intake)
        with pytest.raises(Conflict, match="login_taken"):
            add(intake, login="CLERK")

    def test_a_resident_must_be_in_the_register_and_is_masked(self, intake: Intake) -> None:
        with pytest.raises(Missing):
            add(intake, role="resident", subject="R999999")
        add(intake, role="resident", subject="R000001", display_name="欧阳若兰")
        assert intake.one("SELECT display_name FROM accounts") == "欧***"

    @pytest.mark.parametrize(
        "changes",
        [
            {"login": "a"},
            {"login": "一窗口"},
            {"login": "a b"},
            {"login": "x" * 65},
            {"role": "admin"},
            {"role": "resident"},
            {"role": "partner", "subject": "Not A Slug"},
            {"subject": "R000001"},
            {"display_name": " "},
        ],
    )
    def test_faults_are_refused(self, intake: Intake, changes: dict[str, str]) -> None:
        with pytest.raises(Rejected) as caught:
            add(intake, **changes)
        assert caught.value.pointer


class TestLockOut:
    def test_five_failures_lock_the_account(self, intake: Intake) -> None:
        login = intake.account("staff")
        told = [attempt(intake, login, "wrong", f"10.0.0.{n}") for n in range(6)]
        assert told == ["wrong_login"] * 5 + ["locked"]
        assert attempt(intake, login, PASSWORD, "10.0.0.9") == "locked"
        later(minutes=15, seconds=1)
        assert attempt(intake, login, PASSWORD, "10.0.0.9") == "ok"

    def test_five_failures_lock_the_address(self, intake: Intake) -> None:
        login = intake.account("staff")
        told = [attempt(intake, f"nobody-{n}", "wrong") for n in range(6)]
        assert told == ["wrong_login"] * 5 + ["locked"]
        assert attempt(intake, login, PASSWORD) == "locked"
        assert attempt(intake, login, PASSWORD, "10.0.0.2") == "ok"

    def test_a_success_forgives_the_account_but_not_the_address(self, intake: Intake) -> None:
        login = intake.account("staff")
        for _ in range(4):
            attempt(intake, login, "wrong")
        assert attempt(intake, login, PASSWORD) == "ok"
        assert attempt(intake, login, "wrong") == "wrong_login"
        assert attempt(intake, login, PASSWORD) == "locked"
        assert attempt(intake, login, PASSWORD, "10.0.0.2") == "ok"

    def test_refused_attempts_do_not_make_the_lock_longer(self, intake: Intake) -> None:
        login = intake.account("staff")
        for n in range(5):
            attempt(intake, login, "wrong", f"10.0.0.{n}")
        for _ in range(3):
            later(minutes=4)
            assert attempt(intake, login, "wrong", "10.0.0.9") == "locked"
        later(minutes=4)
        assert attempt(intake, login, PASSWORD, "10.0.0.9") == "ok"

    def test_attempts_at_once_are_counted_like_those_in_a_row(self, intake: Intake) -> None:
        login = intake.account("staff")
        with ThreadPoolExecutor(8) as pool:
            told = list(
                pool.map(lambda n: attempt(intake, login, "wrong", f"10.0.0.{n}"), range(24))
            )
        assert told.count("wrong_login") == 5
        assert told.count("locked") == 19

    def test_what_is_typed_is_kept_as_a_digest_only(self, intake: Intake) -> None:
        attempt(intake, "13911112222", "wrong", "10.0.0.1")
        rows = intake.rows("SELECT key FROM sign_in_failures")
        assert len(rows) == 2
        assert all(re.fullmatch(r"(account|address):[0-9a-f]{32}", row["key"]) for row in rows)

    def test_old_failures_are_swept(self, intake: Intake) -> None:
        for n in range(4):
            attempt(intake, f"nobody-{n}", "wrong")
        later(hours=1)
        attempt(intake, "nobody-9", "wrong")
        assert intake.one("SELECT count(*) FROM sign_in_failures") == 2

    def test_an_unknown_name_costs_a_hash_like_a_known_one(self, intake: Intake) -> None:
        with patch.object(passwords, "verify_password", wraps=passwords.verify_password) as spy:
            attempt(intake, "nobody", "wrong")
            attempt(intake, "no such name!", "wrong")
        assert [call.args for call in spy.call_args_list] == [(None, "wrong")] * 2

    def test_a_deactivated_account_is_told_nothing_else(self, intake: Intake) -> None:
        login = intake.account("staff")
        number = intake.one("SELECT account_no FROM accounts")
        with transaction(intake.sessions) as tx:
            accounts.deactivate(tx, number)
        assert attempt(intake, login, PASSWORD) == "wrong_login"


class TestOwnPassword:
    def change(self, intake: Intake, current: str, new: str) -> None:
        accounts.change_password(
            intake.sessions,
            intake.index,
            account_no=intake.one("SELECT account_no FROM accounts"),
            current=current,
            new=new,
        )

    def test_change(self, intake: Intake) -> None:
        login = intake.account("staff")
        self.change(intake, PASSWORD, "Other-Words-8")
        assert attempt(intake, login, PASSWORD) == "wrong_login"
        assert attempt(intake, login, "Other-Words-8") == "ok"

    def test_guessing_the_current_one_locks(self, intake: Intake) -> None:
        intake.account("staff")
        for _ in range(5):
            with pytest.raises(Unauthenticated):
                self.change(intake, "wrong", "Other-Words-8")
        with pytest.raises(TooMany):
            self.change(intake, PASSWORD, "Other-Words-8")

    def test_a_weak_one_is_refused(self, intake: Intake) -> None:
        intake.account("staff")
        with pytest.raises(Rejected, match="weak_password"):
            self.change(intake, PASSWORD, "12345678")

    def test_the_page(self, intake: Intake) -> None:
        browser = intake.signed_in("staff")
        wrong = browser.post("/accounts/password", current="wrong", new="Other-Words-8")
        assert (wrong.status_code, "当前密码不对" in wrong.text) == (422, True)
        weak = browser.post("/accounts/password", current=PASSWORD, new="short")
        assert weak.status_code == 422
        good = browser.post("/accounts/password", current=PASSWORD, new="Other-Words-8")
        assert good.headers["Location"] == "/"


class TestOperatorsList:
    def test_add_reset_deactivate(self, intake: Intake) -> None:
        browser = intake.signed_in("operator")
        made = browser.post(
            "/accounts", login="r1", role="resident", subject="R000001", display_name="欧阳若兰"
        )
        assert made.status_code == 201
        (password,) = re.findall(r"<p>r1 <code>([^<]+)</code>", made.text)
        assert attempt(intake, "r1", password.replace("&#43;", "+")) == "ok"
        number = intake.one("SELECT account_no FROM accounts WHERE login = 'r1'")
        reset = browser.post(f"/accounts/{number}/reset")
        assert reset.status_code == 200
        assert attempt(intake, "r1", password) == "wrong_login"
        browser.post(f"/accounts/{number}/active", active="0")
        assert intake.one("SELECT is_active FROM accounts WHERE login = 'r1'") is False
        browser.post(f"/accounts/{number}/active", active="1")
        assert intake.one("SELECT is_active FROM accounts WHERE login = 'r1'") is True

    def test_faults_stay_in_the_form(self, intake: Intake) -> None:
        browser = intake.signed_in("operator")
        answer = browser.post("/accounts", login="A!", role="staff", display_name="<b>窗口")
        assert answer.status_code == 422
        assert "账号须为" in answer.text
        assert "&lt;b&gt;窗口" in answer.text

    def test_nobody_locks_himself_out(self, intake: Intake) -> None:
        browser = intake.signed_in("operator")
        number = intake.one("SELECT account_no FROM accounts")
        browser.post(f"/accounts/{number}/active", active="0")
        assert intake.one("SELECT is_active FROM accounts") is True

    def test_hashes_are_never_shown(self, intake: Intake) -> None:
        assert "argon2" not in intake.signed_in("operator").get("/accounts").text


class TestSignInPage:
    @pytest.mark.parametrize(
        ("role", "subject", "landing"),
        [
            ("operator", None, "/overview"),
            ("auditor", None, "/overview"),
            ("staff", None, "/requests"),
            ("resident", "R000001", "/passbooks/R000001"),
            ("partner", "tea-house", "/partners/tea-house"),
        ],
    )
    def test_each_role_lands_at_its_own(
        self, intake: Intake, role: str, subject: str | None, landing: str
    ) -> None:
        answer = Browser(intake.app).sign_in(intake.account(role, subject))
        assert (answer.status_code, answer.headers["Location"]) == (303, landing)

    @pytest.mark.parametrize(
        ("target", "landing"),
        [
            ("/requests?state=submitted", "/requests?state=submitted"),
            ("//evil.example/", "/overview"),
            ("https://evil.example/", "/overview"),
            ("/\\evil.example", "/overview"),
            ("javascript:alert(1)", "/overview"),
            ("/\t/evil.example", "/overview"),
        ],
    )
    def test_it_leads_nowhere_else(self, intake: Intake, target: str, landing: str) -> None:
        answer = Browser(intake.app).sign_in(intake.account("operator"), next=target)
        assert answer.headers["Location"] == landing

    def test_wrong_and_locked(self, intake: Intake) -> None:
        login = intake.account("operator")
        browser = Browser(intake.app)
        for _ in range(5):
            answer = browser.sign_in(login, "wrong")
            assert (answer.status_code, "账号或密码不对" in answer.text) == (401, True)
        answer = browser.sign_in(login)
        assert (answer.status_code, "尝试次数过多" in answer.text) == (429, True)
        assert answer.headers["Retry-After"] == "900"
        assert browser.get("/overview").status_code == 303

    def test_without_the_token_nothing_happens(self, intake: Intake) -> None:
        browser = Browser(intake.app)
        login = intake.account("operator")
        assert browser.sign_in(login, csrf_token="forged").status_code == 403

    def test_sign_out(self, intake: Intake) -> None:
        browser = intake.signed_in("operator")
        assert browser.get("/overview").status_code == 200
        assert browser.post("/sign-out").headers["Location"] == "/sign-in"
        assert browser.get("/overview").headers["Location"].startswith("/sign-in?next=")
