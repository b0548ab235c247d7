"""`linli proof`: what an operator runs, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.points.database import Ledger, attended, publish_rules
from tests.integration.points.sealing import as_superuser, place

ROOT = Path(__file__).parents[3]


def linli(ledger: Ledger, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", "proof", *words],
        env={**os.environ, "POINTS_DATABASE_URL": ledger.url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    publish_rules(ledger)
    place(ledger, "R000001", "990101001001")
    ledger.hear(*(attended("R000001", 60, day=day) for day in range(1, 5)))
    return ledger


def test_sealing_verifying_and_naming_the_first_bad_entry(filled: Ledger, tmp_path: Path) -> None:
    answer = linli(filled, "seal")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip().endswith("sealed: 8")
    assert linli(filled, "verify").stdout.strip().endswith("all sound: 8")
    heads = tmp_path / "heads.txt"
    heads.write_text(linli(filled, "heads").stdout, encoding="utf-8")
    assert heads.read_text(encoding="utf-8").startswith("990101001001 1 ")
    assert linli(filled, "verify", "--heads", str(heads)).returncode == 0
    as_superuser(
        filled, "UPDATE transfers SET kind = 'gift' WHERE asset = 'points' AND credit_seq IN (2, 3)"
    )
    answer = linli(filled, "verify")
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "points/resident/R000001 #2" in answer.stderr
    assert linli(filled, "verify", "--all").stderr.count("points/resident/R000001 #") == 2
    as_superuser(filled, "UPDATE transfers SET kind = 'award'")
    as_superuser(filled, "DELETE FROM sealed_ranges")
    as_superuser(filled, "DELETE FROM sealed_blocks")
    assert linli(filled, "verify").returncode == 0  # nothing in the database tells
    answer = linli(filled, "verify", "--heads", str(heads))
    assert answer.returncode == 1
    assert "990101001001 block 1" in answer.stderr


def test_heads_that_are_none_are_refused(filled: Ledger, tmp_path: Path) -> None:
    odd = tmp_path / "heads.txt"
    odd.write_text("990101001001 one\n", encoding="utf-8")
    answer = linli(filled, "verify", "--heads", str(odd))
    assert answer.returncode == 1
    assert "每行应为" in answer.stderr
