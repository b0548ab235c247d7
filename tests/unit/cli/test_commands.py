"""The `linli` command: quick, complete, and kind to those who forgot a setting."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time

import click
import pytest

from deploy.cli import root
from deploy.cli.failing import message_of
from shared.config import MissingSetting
from shared.errors import Conflict

ASKED = (
    "migrate topology partner load month events dead-letters replay discard doctor contract"
    " worker web account journal proof time-bank calendar catalogue dispatch open311"
)


def _commands(command: click.Command, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        return [path]
    context = click.Context(command)
    found = [path]
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        found += _commands(inner, (*path, name))
    return found


PATHS = _commands(root.linli, ())


def test_every_command_is_there() -> None:
    assert {path[0] for path in PATHS if path} == set(ASKED.split())


@pytest.mark.parametrize("path", PATHS, ids=lambda path: " ".join(path) or "linli")
def test_every_command_explains_itself_in_both_languages(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        root.main([*path, "--help"])
    assert leaving.value.code == 0
    told = capsys.readouterr().out
    assert any("\u4e00" <= character <= "\u9fff" for character in told)
    assert any(len(word) > 4 and word.isascii() for word in told.split())


def test_help_imports_no_service_and_is_quick() -> None:
    script = (
        "import sys; from deploy.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'flask', 'pika', 'rich', 'dramatiq', 'services', 'marshmallow'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    began = time.process_time(), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began[1] < 5  # 0.1 s where nothing else runs


def test_a_missing_setting_is_named_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("INTAKE_OWNER_DATABASE_URL", raising=False)
    with pytest.raises(SystemExit) as leaving:
        root.main(["migrate", "intake"])
    assert leaving.value.code == 1
    told = capsys.readouterr().err
    assert "INTAKE_OWNER_DATABASE_URL" in told
    assert "Traceback" not in told


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        root.main(["frobnicate"])
    assert leaving.value.code == 2


def test_what_can_be_helped_is_told_and_what_cannot_is_not_hidden() -> None:
    assert message_of(Conflict("x", "中文", "English")) == "中文\nEnglish"
    assert "A_B" in str(message_of(MissingSetting("A_B")))
    assert message_of(ZeroDivisionError()) is None
    psycopg = importlib.import_module("psycopg")
    assert "linli" not in str(message_of(psycopg.OperationalError("refused")))
    assert "refused" in str(message_of(psycopg.OperationalError("refused")))


def test_doctor_finds_everything_wrong_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("INTAKE", "POINTS", "PARTNERS"):
        monkeypatch.delenv(f"{name}_DATABASE_URL", raising=False)
    for name in (
        "LINLI_BROKER_URL",
        "LINLI_PARTNER_BROKER_URL",
        "LINLI_RABBITMQ_MANAGEMENT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(
        "NOTIFY_DATABASE_URL", "postgresql://nobody:nothing@127.0.0.1:1/none?connect_timeout=1"
    )
    with pytest.raises(SystemExit) as leaving:
        root.main(["doctor"])
    assert leaving.value.code == 1
    told = capsys.readouterr().out
    for check in ("intake.settings", "notify.database", "broker", "broker.topology"):
        assert f"✗ {check}" in told
