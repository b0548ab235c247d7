"""The first accounts of a local district: one of each role, with passwords made for it.

Run as a process of its own after the first load. There is no default password; what was made is
printed once and kept in a file that only its owner may read.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from deploy.local.run import PASSWORDS
from services.intake.actions.accounts import add_account
from services.intake.actions.units import put_posts
from services.intake.queries.dispatch import active_units
from shared import config
from shared.crypto import mask_name
from shared.db.session import Sessions, make_engine, make_sessions
from shared.errors import Conflict
from shared.messaging.transaction import transaction

# One person takes a request, gives it out and does it, in every unit; another looks at it after.
DUTIES = {"staff": ("clerk", "dispatcher", "handler"), "checker": ("checker",)}


def wanted(data: Path) -> list[tuple[str, str, str | None, str]]:
    """login, role, subject and shown name; resident and partner are the first in `data`."""
    with (data / "residents.csv").open(encoding="utf-8-sig", newline="") as file:
        resident = next(csv.DictReader(file), None)
    partners = json.loads((data / "partners.json").read_text(encoding="utf-8"))
    accounts: list[tuple[str, str, str | None, str]] = [
        ("operator", "operator", None, "值班运维"),
        ("staff", "staff", None, "窗口工作人员"),
        ("checker", "staff", None, "核查员"),
        ("manager", "manager", None, "积分管理员"),
        ("manager2", "manager", None, "积分复核员"),
        ("auditor", "auditor", None, "审计员"),
    ]
    if resident is not None:
        number = resident["resident_no"]
        accounts.append((number.lower(), "resident", number, mask_name(resident["name"])))
    active = [one for one in partners if one.get("status") == "active"]
    if active:
        accounts.append((active[0]["slug"], "partner", active[0]["slug"], active[0]["name"]))
    return accounts


def make(data: Path, keys: Path) -> list[str]:
    """Add what is missing; the lines to show. An account that is there keeps its password."""
    engine = make_engine(config.read("INTAKE_DATABASE_URL"), pool_size=1)
    sessions = make_sessions(engine)
    lines = []
    for login, role, subject, name in wanted(data):
        try:
            with transaction(sessions) as tx:
                password = add_account(
                    tx, login=login, role=role, subject=subject, display_name=name
                )
        except Conflict:
            continue
        lines.append(f"{login:<16} {password:<20} {name} ({role})")
    if lines:
        _give_posts(sessions)
    engine.dispose()
    if lines:
        path = keys / PASSWORDS
        path.touch(mode=0o600, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    return lines


def _give_posts(sessions: Sessions) -> None:
    with transaction(sessions) as tx:
        units = [unit.unit_code for unit in active_units(tx.session)]
        put_posts(
            tx,
            [
                {"login": login, "unit_code": unit, "duty": duty}
                for login, duties in DUTIES.items()
                for duty in duties
                for unit in units
            ],
        )


def main() -> None:
    """Entry point: prints what was made."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.accounts")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--keys", type=Path, required=True)
    options = parser.parse_args()
    lines = make(options.data, options.keys)
    if lines:
        print("登录账号与初始密码 / accounts and their first passwords:")
    for line in lines:
        print(f"  {line}")


if __name__ == "__main__":
    main()
