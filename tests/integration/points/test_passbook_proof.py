"""A passbook's export is verified by a program that knows only it and the printed roots."""

from __future__ import annotations

import copy
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.points.queries.passbook_proof import passbook_proof
from services.points.queries.proof import printed_roots
from tests.integration.points.database import Ledger, attended, publish_rules
from tests.integration.points.sealing import NEXT_DAY, NOON, as_superuser, at, place, seal_all

A, B = "R000001", "R000002"
HERE, THERE = "990101001001", "990101001002"
VERIFIER = Path(__file__).parents[3] / "examples" / "verify_passbook.py"


@pytest.fixture(scope="module")
def book(module_ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A's export and the printed roots: two days, two communities, others' entries between."""
    ledger = module_ledger
    ledger.clear()
    publish_rules(ledger)
    place(ledger, A, HERE)
    place(ledger, B, HERE)
    ledger.hear(*(attended(A, 60, day=day) for day in range(1, 4)))
    ledger.hear(*(attended(f"R1{n:05}", 60, day=2) for n in range(9)))
    with at(NOON):
        seal_all(ledger)
        ledger.hear(*(attended(A, 30, day=day) for day in range(4, 7)), attended(B, 30))
        seal_all(ledger)
    place(ledger, A, THERE)
    ledger.hear(attended(A, 60, day=8), attended(B, 60, day=8))
    with at(NEXT_DAY):
        seal_all(ledger)
    with at(NEXT_DAY + timedelta(days=1)):
        seal_all(ledger)
    with ledger.sessions() as session:
        told = json.loads(orjson.dumps(passbook_proof(session, A)))
        roots = printed_roots(session, date(2026, 10, 1), date(2026, 10, 30))
    return {"export": told, "roots": [each.root.hex() for each in roots]}


def ask(tmp_path: Path, export: Any, roots: list[str]) -> subprocess.CompletedProcess[str]:
    """The verifier as anybody runs it: a process of its own that sees none of our code."""
    file = tmp_path / "passbook.json"
    file.write_text(json.dumps(export), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-I", str(VERIFIER), str(file), *roots],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_an_export_verifies_with_the_printed_roots(book: dict[str, Any], tmp_path: Path) -> None:
    answer = ask(tmp_path, book["export"], book["roots"])
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count(" ok\n") == 2
    assert "14 笔已核验，0 笔尚未印根" in answer.stdout
    sheet = tmp_path / "notice.txt"
    grouped = (" ".join(root[n : n + 8] for n in range(0, 64, 8)) for root in book["roots"])
    sheet.write_text("公示\n" + "\n".join(f"根：{each}。" for each in grouped), encoding="utf-8")
    assert ask(tmp_path, book["export"], [str(sheet)]).returncode == 0


def test_it_does_not_verify_without_the_roots(book: dict[str, Any], tmp_path: Path) -> None:
    for roots in ([], book["roots"][:1], ["0" * 64]):
        assert ask(tmp_path, book["export"], roots).returncode == 1


def test_the_verifier_is_short_and_needs_nothing() -> None:
    lines = VERIFIER.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 100
    imported = {line.split()[1].split(".")[0] for line in lines if line.startswith("import ")}
    imported |= {line.split()[1] for line in lines if line.startswith("from ")}
    assert imported <= {*sys.stdlib_module_names}


def changed(value: Any) -> Iterator[Any]:
    """The same with one field changed, each in its turn."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "readme":
                continue
            for other in changed(inner):
                yield {**value, name: other}
    elif isinstance(value, list):
        for place_, inner in enumerate(value):
            for other in changed(inner):
                yield [*value[:place_], other, *value[place_ + 1 :]]
        if value:
            if "blocks" not in value[0]:  # without its last day it is an older export, and true
                yield value[:-1]
            yield [*value, copy.deepcopy(value[0])]
    elif isinstance(value, int):
        yield value + 1
    elif value is None:
        yield "2027-01-01"
    else:
        yield f"{'1' if value[0] != '1' else '2'}{value[1:]}"


def test_any_changed_field_is_found(book: dict[str, Any], monkeypatch: pytest.MonkeyPatch,
                                    tmp_path: Path) -> None:  # fmt: skip
    """The same program, called here some hundred times; every tenth also as a process."""
    spec = importlib.util.spec_from_file_location("verify_passbook", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    verifier = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(verifier)
    file = tmp_path / "passbook.json"

    def refuses(export: Any) -> bool:
        file.write_text(json.dumps(export), encoding="utf-8")
        try:
            return bool(verifier.main(str(file), *book["roots"]))
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
            return True

    assert not refuses(book["export"])
    tried = 0
    for tried, export in enumerate(changed(book["export"]), 1):
        assert refuses(export), f"change {tried} was not found"
        if tried % 20 == 0:
            assert ask(tmp_path, export, book["roots"]).returncode == 1
    assert tried > 200


def test_entries_of_today_are_told_apart(book: dict[str, Any], module_ledger: Ledger,
                                         tmp_path: Path) -> None:  # fmt: skip
    module_ledger.hear(attended(A, 60, day=9))
    with at(NEXT_DAY + timedelta(days=1)):
        seal_all(module_ledger)
    module_ledger.hear(attended(A, 60, day=10))
    with module_ledger.sessions() as session:
        export = json.loads(orjson.dumps(passbook_proof(session, A)))
    answer = ask(tmp_path, export, book["roots"])
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "14 笔已核验，4 笔尚未印根" in answer.stdout


def test_an_export_made_after_a_change_leads_to_no_printed_root(
    book: dict[str, Any], module_ledger: Ledger, tmp_path: Path
) -> None:
    sql = (
        "UPDATE transfers SET kind = %(kind)s WHERE credit_seq = 2 AND credit_account_id ="
        " (SELECT id FROM accounts WHERE owner = 'R000001' AND asset = 'points')"
    )
    as_superuser(module_ledger, sql, kind="gift")
    with module_ledger.sessions() as session:
        export = json.loads(orjson.dumps(passbook_proof(session, A)))
    as_superuser(module_ledger, sql, kind="award")
    answer = ask(tmp_path, export, book["roots"])
    assert answer.returncode == 1
    assert "未印出此根" in answer.stdout
