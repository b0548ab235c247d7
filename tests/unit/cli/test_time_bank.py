"""Keys of the time bank on the command line."""

from __future__ import annotations

import base64

import pytest
from click.testing import CliRunner

from deploy.cli.time_bank import time_bank
from services.points.rules.time_bank_seals import key_id_of, read_district


def test_a_new_key_makes_the_public_key_that_others_register(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = CliRunner().invoke(time_bank, ["new-key"]).output.strip()
    assert len(base64.b64decode(made)) == 32
    monkeypatch.setenv("POINTS_DATABASE_URL", "postgresql://nobody@nowhere.invalid/points")
    monkeypatch.setenv("LINLI_BROKER_URL", "amqp://nowhere.invalid/")
    monkeypatch.setenv("LINLI_DISTRICT_CODE", "990101")
    monkeypatch.setenv("POINTS_TIME_BANK_KEY", made)
    code, public, key_id = CliRunner().invoke(time_bank, ["public-key"]).output.split()
    district = read_district(code, made)
    assert district is not None
    assert (public, key_id) == (district.public_key, key_id_of(public))


def test_without_a_key_it_is_said_to_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTS_DATABASE_URL", "postgresql://nobody@nowhere.invalid/points")
    monkeypatch.setenv("LINLI_BROKER_URL", "amqp://nowhere.invalid/")
    for name in ("LINLI_DISTRICT_CODE", "POINTS_TIME_BANK_KEY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    said = CliRunner().invoke(time_bank, ["public-key"])
    assert said.exit_code == 1
    assert "POINTS_TIME_BANK_KEY" in said.output
