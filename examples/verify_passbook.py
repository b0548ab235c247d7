"""核验存折导出，只需导出文件和公示上印出的根 / verifies an export by the roots that were printed.

    python3 verify_passbook.py passbook.json ROOT [ROOT ...]

A ROOT is 64 hex digits as printed, or the name of a file with such roots in it. Leaves with 0
only if every entry leads to a printed root and the numbers of each account have no gap. Compare
the last number and the balance of each account with the book: no file can prove what it omits.
"""
# ruff: noqa: INP001, SIM905, T201

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

FIELDS = (
    "account_id asset owner_kind owner seq amount balance other_account_id kind document_id"
    " expires_on source_id posted_at"
).split()


def leaf(*told: object) -> bytes:
    text = "|".join("-" if each is None else str(each) for each in told)
    return hashlib.sha256(b"\x00" + text.encode()).digest()


def climb(level: dict[int, bytes], width: int, path: list[str]) -> bytes:
    if not all(0 <= place < width for place in level):
        raise ValueError("a place outside its tree")
    nodes = iter(path)
    while width > 1:
        for place in sorted(level):
            if place ^ 1 not in level and place ^ 1 < width:
                level[place ^ 1] = bytes.fromhex(next(nodes))
        above = {}
        for place in {place // 2 for place in level}:
            left, right = level[2 * place], level.get(2 * place + 1)
            both = b"\x01" + left + (right or b"")
            above[place] = left if right is None else hashlib.sha256(both).digest()
        level, width = above, (width + 1) // 2
    if next(nodes, None) is not None:
        raise ValueError("a path too long")
    return level[0]


def root_of_day(day: dict) -> str:
    hashes = {}
    for block in day["blocks"]:
        leaves = {e["place"]: leaf("linli-entry-v1", *(e[f] for f in FIELDS))
                  for e in block["entries"]}  # fmt: skip
        root = climb(leaves, block["entry_count"], block["path"]).hex()
        hashes[block["place"]] = leaf(
            "linli-block-v1", day["community"], block["height"], day["on_date"],
            block["sealed_at"], block["entry_count"], root, block["before"],
        )  # fmt: skip
    root = climb(hashes, day["block_count"], day["path"]).hex()
    told = (day["community"], day["on_date"], day["block_count"], day["entry_count"], root)
    return leaf("linli-day-v1", *told).hex()


def check_accounts(entries: list[dict], resident_no: str) -> None:
    accounts: dict[int, tuple[int, int]] = {}  # number and balance of the entry before
    for one in sorted(entries, key=lambda e: (e["account_id"], e["seq"])):
        seq, balance = accounts.get(one["account_id"], (0, 0))
        if one["seq"] != seq + 1 or one["balance"] != balance + one["amount"]:
            raise ValueError(f"account {one['account_id']} does not go on after entry {seq}")
        if one["owner"] != resident_no:
            raise ValueError(f"an account of {one['owner']}")
        accounts[one["account_id"]] = one["seq"], one["balance"]
    for account, (seq, balance) in accounts.items():
        print(f"账户 / account {account}: 1–{seq}, 余额 / balance {balance}")


def main(export: str, *roots: str) -> int:
    printed = " ".join(Path(r).read_text("utf-8") if Path(r).is_file() else r for r in roots)
    known = {"".join(r.split()) for r in re.findall(r"(?:[0-9a-f]{8}\s?){8}", printed.lower())}
    book = json.loads(Path(export).read_text("utf-8"))
    if book["format"] != "linli-passbook-v1":
        raise ValueError("not an export of a passbook")
    count = missed = 0
    for day in book["days"]:
        root, its = root_of_day(day), sum(len(block["entries"]) for block in day["blocks"])
        count, missed = count + its, missed + (root not in known)
        verdict = "ok" if root in known else "未印出此根 / THIS ROOT WAS NOT PRINTED"
        print(f"{day['on_date']} {day['community']} {its:5} {root} {verdict}")
    entries = [e for day in book["days"] for block in day["blocks"] for e in block["entries"]]
    check_accounts(entries + book["later"], book["resident_no"])
    print(f"{count} 笔已核验，{len(book['later'])} 笔尚未印根 / entries, and those still to come")
    return 1 if missed or not count else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as problem:
        sys.exit(f"核验不通过 / does not verify: {type(problem).__name__}: {problem}")
