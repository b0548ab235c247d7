"""`linli catalogue` and `linli calendar`: check, load, export."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from deploy.cli.calendar import calendar
from deploy.cli.catalogue import catalogue
from deploy.month.load import District, _register
from services.intake.actions.catalogue import SEED
from shared.db.session import make_engine
from shared.errors import Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import DISTRICT, Intake


@pytest.fixture
def run(intake: Intake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INTAKE_DATABASE_URL", intake.settings.database_url)

    def call(command, *arguments: object) -> str:
        done = CliRunner().invoke(command, [str(each) for each in arguments])
        if done.exception is not None:
            raise done.exception
        return done.output

    return call


def test_what_is_exported_loads_as_an_equal_draft(intake: Intake, run, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    run(catalogue, "export", file)
    assert orjson.loads(file.read_bytes()) == orjson.loads(SEED.read_bytes())
    assert "立案条件" in run(catalogue, "check", file)
    with pytest.raises(Rejected) as caught:
        run(catalogue, "load", file)
    assert caught.value.pointer == "/valid_from"
    document = {**orjson.loads(file.read_bytes()), "valid_from": "2026-12-01"}
    file.write_bytes(orjson.dumps(document))
    assert "drafted" in run(catalogue, "load", file)
    (row,) = intake.rows("SELECT * FROM catalogue_versions WHERE drafted_by = 'command'")
    assert (row["document"], row["published_at"]) == (document, None)


def test_a_faulty_file_names_its_place(run, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    file.write_bytes(orjson.dumps({**orjson.loads(SEED.read_bytes()), "form": 2}))
    with pytest.raises(Rejected) as caught:
        run(catalogue, "check", file)
    assert caught.value.pointer == "/form"


def test_days_and_hours_are_checked_and_loaded(intake: Intake, run, tmp_path: Path) -> None:
    days = tmp_path / "days.csv"
    days.write_text("day,kind,name_zh,name_en\n2027-01-01,holiday,元旦,New Year\n", "utf-8")
    assert "2027-01-01" in run(calendar, "check", days)
    assert "2027-01-01" in run(calendar, "load", days)
    hours = tmp_path / "hours.csv"
    hours.write_text("valid_from,opens,closes\n2027-01-01,08:30,12:00\n", "utf-8")
    run(calendar, "check", "--hours", hours)
    run(calendar, "load", "--hours", hours)
    assert intake.one("SELECT count(*) FROM calendar_days") == 731
    assert intake.one("SELECT count(*) FROM calendar_loads WHERE loaded_by = 'command'") == 2
    days.write_bytes("day,kind,name_zh,name_en\n2027-01-02,rest,元旦,\n".encode("gb18030"))
    with pytest.raises(Rejected, match="UTF-8"):
        run(calendar, "check", days)


def test_a_districts_own_catalogue_is_its_first(
    intake: Intake, databases: dict[str, str], tmp_path: Path
) -> None:
    owner = make_engine(databases["INTAKE_OWNER_DATABASE_URL"])
    with owner.begin() as connection:
        connection.execute(text("TRUNCATE catalogue_versions"))
    owner.dispose()
    document = {**orjson.loads(SEED.read_bytes()), "note_en": "Ours"}
    (tmp_path / "catalogue.json").write_bytes(orjson.dumps(document))
    (tmp_path / "residents.csv").write_text(
        "resident_no,household_no,name,phone,grid_code,language\n", "utf-8"
    )
    keys = {
        "INTAKE_FIELD_KEY": intake.settings.field_key,
        "INTAKE_INDEX_KEY": intake.settings.index_key,
        "LINLI_CONTACT_KEY": intake.settings.contact_key,
    }
    for _ in range(2):  # safe to run again
        with transaction(intake.sessions) as tx:
            _register(tx, keys, District(tmp_path, DISTRICT, [], {}))
    (row,) = intake.rows("SELECT document, drafted_by FROM catalogue_versions")
    assert (row["document"]["note_en"], row["drafted_by"]) == ("Ours", "setup")
