"""Loads a district: areas and residents into intake, rules into points, partners with credentials.

All files are read and checked before anything is written, and the register and the rules become
true only when all partners have been taken in. Safe to run again: what is there already stays.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from deploy.month import credentials as kept
from deploy.month.credentials import Credential
from deploy.month.outcome import Books
from shared import config
from shared.crypto import BlindIndex, FieldCipher
from shared.db.session import Sessions, make_engine, make_sessions
from shared.errors import Conflict, Missing, Rejected, Unavailable
from shared.messaging.transaction import Transaction, transaction

HEARD_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.1
_RESIDENT_COLUMNS = ("resident_no", "household_no", "name", "phone", "grid_code", "language")


class BadFile(Rejected):
    """A file of the directory is not as it should be."""

    def __init__(self, path: Path, zh: str, en: str, *, pointer: str | None = None) -> None:
        super().__init__("bad_file", f"{path}：{zh}", f"{path}: {en}", pointer=pointer)


@dataclass(frozen=True, slots=True)
class District:
    """What the files say; residents are read row by row as they are written."""

    directory: Path
    areas: dict[str, Any]
    partners: list[dict[str, Any]]
    rules: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was written; `credentials` are those of partners that were new."""

    areas: int
    residents: int
    partners: int
    credentials: dict[str, Credential]


def load(
    settings: Mapping[str, str] | None,
    data: Path,
    keep_in: Path | None,
    say: Callable[[str], None] = lambda _text: None,
) -> Loaded:
    """Load the directory and wait until everybody has heard.

    Credentials go into a file under `keep_in` that only its owner may read (None: they are only
    returned). Raises Rejected naming file, row and field, or Unavailable.
    """
    district = read_district(data)
    known = set(kept.read(keep_in)) if keep_in is not None else set()
    loaded = _write(settings, district, known)
    if keep_in is not None and loaded.credentials:
        kept.keep(keep_in, loaded.credentials)
    say(
        f"已载入 / loaded: {loaded.areas} 个区域 / areas, {loaded.residents} 名居民 / residents,"
        f" {loaded.partners} 个合伙人 / partners"
    )
    wait_until_heard(settings, district)
    return loaded


def read_district(data: Path) -> District:
    """The files, checked for their form; raises BadFile."""
    areas = _json(data / "district.json")
    partners = _json(data / "partners.json")
    rules = _json(data / "rules.json")
    if not isinstance(areas, dict):
        raise BadFile(data / "district.json", "须为 JSON 对象", "must be a JSON object")
    if not isinstance(rules, dict):
        raise BadFile(data / "rules.json", "须为 JSON 对象", "must be a JSON object")
    if not isinstance(partners, list):
        raise BadFile(data / "partners.json", "须为 JSON 列表", "must be a JSON list")
    for place, partner in enumerate(partners):
        if not isinstance(partner, dict) or not isinstance(partner.get("slug"), str):
            raise BadFile(
                data / "partners.json",
                f"第 {place + 1} 项缺少 slug",
                f"item {place + 1} has no slug",
                pointer=f"/{place}/slug",
            )
    for _ in read_residents(data / "residents.csv"):
        break
    return District(data, areas, partners, rules)


def read_residents(path: Path) -> Iterator[dict[str, str | None]]:
    """Rows of residents.csv (UTF-8, with or without a byte order mark); raises BadFile."""
    return _csv_rows(path, _RESIDENT_COLUMNS)


def _csv_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str | None]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            missing = [name for name in columns if name not in (rows.fieldnames or ())]
            if missing:
                shown = ", ".join(missing)
                raise BadFile(path, f"第 1 行缺少列 {shown}", f"line 1: column {shown} is missing")
            yield from rows
    except UnicodeDecodeError as problem:
        raise BadFile(
            path,
            "不是 UTF-8 编码：在表格软件中另存为“CSV UTF-8”",
            "not UTF-8: save it as CSV UTF-8",
        ) from problem
    except csv.Error as problem:
        raise BadFile(path, f"不是 CSV：{problem}", f"not CSV: {problem}") from problem
    except OSError as problem:
        raise _unreadable(path, problem) from problem


def _json(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as problem:
        where = f"{problem.lineno}:{problem.colno}"
        raise BadFile(
            path, f"{where} 不是 JSON：{problem.msg}", f"{where} is not JSON: {problem.msg}"
        ) from problem
    except OSError as problem:
        raise _unreadable(path, problem) from problem


def _unreadable(path: Path, problem: OSError) -> BadFile:
    return BadFile(
        path,
        f"读不到（{problem.strerror}）：目录里须有此文件",
        f"cannot be read ({problem.strerror}): the directory must have it",
    )


def _write(settings: Mapping[str, str] | None, district: District, known: set[str]) -> Loaded:
    # Each block commits when the ones inside it have: a bad partner leaves no register behind.
    with (
        _open(settings, "intake") as intake,
        _open(settings, "points") as points,
        _open(settings, "partners") as partners,
        transaction(intake) as register,
        transaction(points) as ledger,
    ):
        areas, residents = _register(register, settings, district)
        _publish(ledger, district)
        credentials = _add_partners(settings, partners, district, known)
    return Loaded(areas, residents, len(district.partners), credentials)


def _register(
    tx: Transaction, settings: Mapping[str, str] | None, district: District
) -> tuple[int, int]:
    from services.intake.actions import register  # noqa: PLC0415 - a service is loaded when used

    path = district.directory / "catalogue.json"
    if path.exists():
        from services.intake.actions import catalogue  # noqa: PLC0415 - as above

        with _named(path):
            catalogue.publish_first(tx, catalogue.read_file(path.read_bytes()))
    with _named(district.directory / "district.json"):
        areas = register.load_district(tx, district.areas)
    path = district.directory / "dispatch.json"
    if path.exists():
        from services.intake.actions import dispatch_units  # noqa: PLC0415 - as above

        with _named(path):
            dispatch_units.load_file(tx, _json(path), by="setup")
    path = district.directory / "residents.csv"
    with _named(path):
        residents = register.load_residents(
            tx,
            read_residents(path),
            cipher=FieldCipher(config.read("INTAKE_FIELD_KEY", env=settings)),
            index=BlindIndex(config.read("INTAKE_INDEX_KEY", env=settings)),
            contact_cipher=FieldCipher(config.read("LINLI_CONTACT_KEY", env=settings)),
        )
    _register_more(tx, settings, district.directory)
    path = district.directory / "patrols.json"
    if path.exists():
        from services.intake.actions import patrol_routes  # noqa: PLC0415 - as above

        with _named(path):
            patrol_routes.load(tx, _json(path))
    return areas, residents


def _register_more(tx: Transaction, settings: Mapping[str, str] | None, directory: Path) -> None:
    """The sheets of the register's workbook that are there as CSV: buildings.csv, units.csv, …"""
    from services.intake.actions import register_files  # noqa: PLC0415 - as above
    from services.intake.actions.census import Keys  # noqa: PLC0415
    from services.intake.rules.register_sheets import SHEETS  # noqa: PLC0415

    names = [name for name in SHEETS if name != "residents"]  # they have their own reading
    sheets = {
        name: list(_numbered(directory / f"{name}.csv"))
        for name in names
        if (directory / f"{name}.csv").exists()
    }
    if not sheets:
        return
    keys = Keys(
        FieldCipher(config.read("INTAKE_FIELD_KEY", env=settings)),
        BlindIndex(config.read("INTAKE_INDEX_KEY", env=settings)),
        FieldCipher(config.read("LINLI_CONTACT_KEY", env=settings)),
    )
    with _named(directory):
        register_files.write_sheets(tx, keys, sheets)


def _numbered(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows with their line in the file, as a spreadsheet counts them."""
    for number, row in enumerate(_csv_rows(path, ()), start=2):
        yield number, {name: value or "" for name, value in row.items() if name}


def _publish(tx: Transaction, district: District) -> None:
    from services.points.actions import rules  # noqa: PLC0415 - as above

    with _named(district.directory / "rules.json"):
        rules.publish(tx, district.rules)


def _add_partners(
    settings: Mapping[str, str] | None, sessions: Sessions, district: District, known: set[str]
) -> dict[str, Credential]:
    from deploy.month.partners import register_all  # noqa: PLC0415 - as above

    with _named(district.directory / "partners.json"):
        return register_all(settings, sessions, district.partners, known)


def wait_until_heard(settings: Mapping[str, str] | None, district: District) -> None:
    """Until intake knows every partner's terms and notify every resident; raises Unavailable."""
    wanted = {each["slug"]: each.get("status", "active") == "active" for each in district.partners}
    until_s = time.monotonic() + HEARD_WITHIN_S
    with Books(settings) as books:
        while True:
            heard = books.partners_heard()
            late = [
                slug for slug, active in wanted.items() if active != (heard.get(slug) == "active")
            ]
            residents, addresses = books.residents(), books.addresses()
            if not late and addresses >= residents:
                return
            dead = books.dead_letters("intake") + books.dead_letters("notify")
            if dead or time.monotonic() > until_s:
                raise _not_heard(len(late), residents - addresses, dead)
            time.sleep(_LOOK_EVERY_S)


def _not_heard(partners: int, residents: int, dead: int) -> Unavailable:
    return Unavailable(
        "not_heard",
        f"还有 {partners} 个合伙人、{residents} 名居民未传到，死信 {dead} 条："
        "请检查各服务的后台进程，并查看 linli dead-letters",
        f"{partners} partners and {residents} residents were not heard of, dead letters: {dead};"
        " check that the workers run, and see linli dead-letters",
    )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Puts the file's name before what is wrong with it."""
    try:
        yield
    except BadFile:
        raise
    except (Rejected, Conflict, Missing) as problem:
        raise BadFile(path, problem.zh, problem.en, pointer=problem.pointer) from problem


@contextmanager
def _open(settings: Mapping[str, str] | None, service: str) -> Iterator[Sessions]:
    url = config.read(f"{service.upper()}_DATABASE_URL", env=settings)
    engine = make_engine(url, pool_size=1, application="linli-load")
    try:
        yield make_sessions(engine)
    finally:
        engine.dispose()
