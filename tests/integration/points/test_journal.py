"""The exported ledger, added up again by a program that has never seen our database."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from deploy.cli.journal import journal as command
from services.points.queries import journal as ledger_queries
from services.points.queries.journal import Part
from services.points.queries.journal_sheets import sheets
from services.points.rules.journal import COMMODITIES, dialect, plain
from services.points.rules.lots import NEVER
from shared.messaging.transaction import transaction
from shared.web.sheets import write_workbook
from tests.integration.points.database import Ledger, attended, delivered, publish_rules
from tests.integration.points.lots import award, on, put, spend, sweep
from tests.oracle import hledger

A, B, C = "R000001", "R000002", "R000003"
HOME = "990101001001"
DAY = date(2026, 11, 1)


@pytest.fixture
def book(ledger: Ledger) -> Ledger:
    """Awards, a gift, a hold, a redemption and lots that ended, over some days."""
    publish_rules(ledger)
    ledger.hear(*(attended(who, 60 + n, day=1 + n) for n in range(9) for who in (A, B)))
    ledger.hear(delivered("shop-01"), delivered("shop-02", "urgent_red"))
    for number, who in enumerate((A, B, C)):
        with on(DAY + timedelta(days=number)), transaction(ledger.sessions) as tx:
            award(tx, who, 10, DAY + timedelta(days=5), 'p; a "b" 2026')
            award(tx, who, 20, NEVER)
            put(tx, who, 12, "resident", "held", "hold")
    with on(DAY + timedelta(days=4)), transaction(ledger.sessions) as tx:
        spend(tx, A, 7, of="held")
        put(tx, B, 3, "resident", "resident", "gift", C)
    with on(DAY + timedelta(days=8)):
        sweep(ledger)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO residents (resident_no, household_no, grid_code, community_code,"
            f" revision) VALUES ('{A}', 'H', 'G', '{HOME}', 1)"
        )
    return ledger


def write(book: Ledger, path: Path, part: Part, form: str = "hledger") -> Path:
    with book.sessions() as session:
        path.write_text("".join(ledger_queries.lines(session, part, dialect(form))), "utf-8")
    return path


def held(book: Ledger) -> dict[tuple[str, str], int]:
    """What PostgreSQL says, by the names of the journal; issuers hold what the others lack."""
    found: Counter[tuple[str, str]] = Counter()
    issuers = {
        asset: f"Equity:Issuer:{account_id}"
        for account_id, asset in book.rows(
            "SELECT id, asset FROM accounts WHERE owner_kind = 'issuer'"
        )
    }
    for account_id, asset, kind, balance in book.rows(
        "SELECT id, asset, owner_kind, balance FROM accounts WHERE owner_kind <> 'issuer'"
    ):
        found[f"Assets:{kind.capitalize()}:{account_id}", COMMODITIES[asset]] += balance
        found[issuers[asset], COMMODITIES[asset]] -= balance
    return {key: amount for key, amount in found.items() if amount}


def test_hledger_adds_up_to_what_postgresql_holds(book: Ledger, tmp_path: Path) -> None:
    path = write(book, tmp_path / "whole.journal", Part())
    assert hledger.balances(path) == held(book)
    text = path.read_text("utf-8")
    accounts = book.scalar("SELECT count(*) FROM accounts")
    assert len(re.findall(r"^    \S+  0 [A-Z]+ = -?\d+ [A-Z]+$", text, re.MULTILINE)) == accounts
    entries = book.scalar("SELECT count(*) FROM transfers")
    checked = hledger.hledger(path, "stats")
    assert checked.returncode == 0
    assert text.count("\n    ") == entries * 2 + accounts


@pytest.mark.parametrize("change", ["amount", "missing", "balance"])
def test_hledger_finds_a_journal_that_was_changed(
    book: Ledger, tmp_path: Path, change: str
) -> None:
    path = write(book, tmp_path / "whole.journal", Part())
    text = path.read_text("utf-8")
    if change == "amount":  # on both sides, so that the transaction itself still balances
        wrong = text.replace("  20 POINTS", "  21 POINTS", 1).replace(
            "  -20 POINTS", "  -21 POINTS", 1
        )
    elif change == "missing":
        first = text.index("2026-11-01 (")
        wrong = text[:first] + text[text.index("\n\n", first) + 2 :]
    else:
        wrong = re.sub(r"= (\d+) POINTS", lambda m: f"= {int(m[1]) + 1} POINTS", text, count=1)
    assert wrong != text
    path.write_text(wrong, "utf-8")
    told = hledger.hledger(path, "balance")
    assert told.returncode != 0
    assert "assertion" in told.stderr


def test_a_period_begins_with_what_was_there(book: Ledger, tmp_path: Path) -> None:
    first = DAY + timedelta(days=1)
    path = write(book, tmp_path / "late.journal", Part(first=first))
    assert hledger.balances(path) == held(book)  # nothing is left on the opening account
    assert "2026-11-01 (" not in path.read_text("utf-8")
    path = write(book, tmp_path / "early.journal", Part(last=DAY))
    early = hledger.balances(path)
    assert sum(n for (name, unit), n in early.items() if name.startswith("Assets")) > 0
    assert "(expiry)" not in path.read_text("utf-8")
    assert not re.search(r"^2026-11-0[2-9]", path.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("part", [Part(owner=A), Part(community=HOME)], ids=["owner", "community"])
def test_a_part_asserts_its_own_accounts_only(book: Ledger, tmp_path: Path, part: Part) -> None:
    path = write(book, tmp_path / "part.journal", part)
    found = hledger.balances(path)
    mine = {
        f"Assets:{kind.capitalize()}:{account_id}"
        for account_id, kind in book.rows(
            "SELECT id, owner_kind FROM accounts WHERE owner = :owner", owner=A
        )
    }
    whole = held(book)
    assert {key: n for key, n in found.items() if key[0] in mine} == {
        key: n for key, n in whole.items() if key[0] in mine
    }
    asserted = set(re.findall(r"^    (\S+)  0 [A-Z]+ =", path.read_text("utf-8"), re.MULTILINE))
    assert asserted == mine


def test_beancounts_assertions_are_those_of_its_own_entries(book: Ledger, tmp_path: Path) -> None:
    text = write(book, tmp_path / "whole.beancount", Part(), "beancount").read_text("utf-8")
    name = r"(?:Assets|Equity):[A-Z][A-Za-z]*(?::[0-9]+)?"
    allowed = re.compile(
        rf'(?:option "title" "Linli"|\d{{4}}-\d\d-\d\d open {name}(?: [A-Z]+)?'
        r'|  (?:holder|document|lot): "[^"\\]*"|\d{4}-\d\d-\d\d \* "[a-z_]+"'
        rf"|  {name}  -?\d+ [A-Z]+|\d{{4}}-\d\d-\d\d balance {name}  -?\d+ [A-Z]+|)"
    )
    assert [line for line in text.splitlines() if not allowed.fullmatch(line)] == []
    opened, sums, told = set(), Counter[tuple[str, str]](), {}
    days = []
    for line in text.splitlines():
        if found := re.fullmatch(r"[0-9-]+ open (\S+)(?: .*)?", line):
            opened.add(found[1])
        elif found := re.fullmatch(r"  (\S+)  (-?\d+) ([A-Z]+)", line):
            assert found[1] in opened
            sums[found[1], found[3]] += int(Decimal(found[2]))
        elif found := re.fullmatch(r"([0-9-]+) balance (\S+)  (-?\d+) ([A-Z]+)", line):
            days.append(date.fromisoformat(found[1]))
            told[found[2], found[4]] = int(found[3])
        elif found := re.match(r"([0-9-]+) \*", line):
            last = date.fromisoformat(found[1])
    assert {key: n for key, n in told.items() if n} == {k: n for k, n in sums.items() if n}
    assert {key: n for key, n in told.items() if n} == held(book)
    assert set(days) == {last + timedelta(days=1)}


def test_no_holders_words_can_break_a_journal() -> None:
    assert plain('R1"; \n2026-01-01 x') == "R1????2026-01-01?x"


def test_a_workbook_of_the_whole(book: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "ledger.xlsx"
    with book.sessions() as session:
        write_workbook(str(path), sheets(session, Part()))
    read = openpyxl.load_workbook(path, read_only=True)
    accounts, entries = (list(sheet.iter_rows(values_only=True)) for sheet in read.worksheets)
    assert len(entries) - 1 == book.scalar("SELECT count(*) FROM transfers")
    told = {(row[0], COMMODITIES[str(row[1])]): row[5] for row in accounts[1:] if row[5]}
    assert told == held(book)
    read.close()


def test_the_command_writes_what_hledger_reads(
    book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTS_DATABASE_URL", book.url)
    path = tmp_path / "cli.journal"
    done = CliRunner().invoke(command, ["--out", str(path)])
    assert done.exit_code == 0, done.output
    assert hledger.balances(path) == held(book)
    done = CliRunner().invoke(command, ["--format", "xlsx"])
    assert done.exit_code == 2
    piped = CliRunner().invoke(command, ["--owner", A, "--from", "2026-11-02"])
    assert piped.exit_code == 0
    assert "opening" in piped.stdout
