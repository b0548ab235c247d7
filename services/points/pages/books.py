"""存折 as people know it from the bank, and the partners' simple book."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points import queries
from services.points.pages.pending import pending_of
from services.points.queries import SEQ_MAX, Holding, RuleSets
from services.points.queries.corrections import owed
from services.points.queries.lots import ending_first
from services.points.queries.stars import default_progress
from services.points.rules.documents import KINDS as KINDS_OF_DOCUMENT
from services.points.rules.documents import explain_entry
from services.points.rules.explaining import COLOURS, KINDS, brief, words
from services.points.rules.statement import Entry, Line, lines
from shared import clock
from shared.db.session import Sessions
from shared.web.access import require_role
from shared.web.auth import require_subject, signed_in
from shared.web.i18n import t

OFFICE = frozenset({"staff", "manager", "operator", "auditor"})
LINES = 20
LINES_PRINTED = 200
NUMBER_CHARS_MAX = 32

_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line as it is shown; 0 is shown, None is a dash."""

    points_seq: int | None
    minutes_seq: int | None
    on_date: date
    what: str
    code: str
    points: int
    minutes: int
    balance: int
    why: str
    brief: str
    tag: str


def add_passbooks(blueprint: Blueprint, sessions: Sessions) -> None:
    """/passbooks and /passbooks/<resident_no>."""

    @blueprint.get("/passbooks")
    @require_role("resident", *OFFICE)
    def find_passbook() -> str | Response:
        account = signed_in()
        if account.role == "resident":
            return redirect(_address(account.subject), 303)
        asked = request.args.get("resident_no", "").strip()[:NUMBER_CHARS_MAX]
        if asked and "/" not in asked:
            return redirect(_address(asked), 303)
        return render_template("passbooks.html", asked=asked)

    @blueprint.get("/passbooks/<resident_no>")
    @require_role("resident", *OFFICE)
    def show_passbook(resident_no: str) -> str:
        account = require_subject(resident_no, unless=OFFICE)
        is_printed = request.args.get("print") == "1"
        most = LINES_PRINTED if is_printed else LINES
        points_before, minutes_before = _cursor(request.args.get("before", ""))
        with sessions() as session:
            held = queries.holdings(session, "resident", resident_no)
            points = queries.entries(
                session, "points", "resident", resident_no, before=points_before, most=most + 1
            )
            minutes = queries.entries(
                session,
                "service_minutes",
                "resident",
                resident_no,
                before=minutes_before,
                most=most + 1,
            )
            owing = owed(session, resident_no)
            rule_sets = queries.rules_by_version(session)
            pending = pending_of(session, resident_no)
            served = held.get("service_minutes", Holding()).balance
            ending = ending_first(session, resident_no, clock.today())
            stars = default_progress(session, resident_no, served, clock.today())
        laid = lines(points, minutes, most + 1)
        shown = laid[:most]
        return render_template(
            "passbook.html",
            resident_no=resident_no,
            points=held.get("points", Holding()),
            minutes=held.get("service_minutes", Holding()),
            coins=held.get("time_coins", Holding()).balance,
            pending=pending,
            rows=[_row(line, rule_sets) for line in shown],
            next_before=_after(shown, points_before, minutes_before) if len(laid) > most else None,
            stars=stars,
            ending=ending,
            is_first=points_before == SEQ_MAX and minutes_before == SEQ_MAX,
            is_own=account.role == "resident",
            is_printed=is_printed,
            printed_at=clock.now(),
            owing=owing,
        )


def add_partner_book(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/partners/<slug>."""

    @blueprint.get("/points/partners/<slug>")
    @require_role("partner", *OFFICE)
    def show_partner_book(slug: str) -> str:
        require_subject(slug, unless=OFFICE)
        asked = request.args.get("before", "")
        before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else SEQ_MAX
        asset = "partner_contribution"
        with sessions() as session:
            held = queries.holdings(session, "partner", slug).get(asset, Holding())
            found = queries.entries(session, asset, "partner", slug, before=before, most=LINES + 1)
            rule_sets = queries.rules_by_version(session)
        shown = found[:LINES]
        return render_template(
            "partner_book.html",
            slug=slug,
            held=held,
            rows=[_row(Line(entry, None, entry.balance), rule_sets) for entry in shown],
            next_before=shown[-1].seq if len(found) > LINES else None,
            is_first=before == SEQ_MAX,
            printed_at=clock.now(),
        )


def _address(resident_no: str) -> str:
    return f"/passbooks/{quote(resident_no, safe='')}"


def _cursor(asked: str) -> tuple[int, int]:
    """Where both accounts go on; what is odd begins at the newest."""
    found = _CURSOR.fullmatch(asked)
    return (int(found[1]), int(found[2])) if found else (SEQ_MAX, SEQ_MAX)


def _after(shown: list[Line], points_before: int, minutes_before: int) -> str:
    for line in shown:
        points_before = line.points.seq if line.points else points_before
        minutes_before = line.minutes.seq if line.minutes else minutes_before
    # An account of which nothing was shown yet still begins at its newest entry.
    return f"{min(points_before, 10**18 - 1)}.{min(minutes_before, 10**18 - 1)}"


def _row(line: Line, rule_sets: RuleSets) -> Row:
    entry = line.entry
    facts = entry.explanation
    why = explain_entry(entry, rule_sets.get((entry.programme, entry.rule_version)))
    short = KINDS_OF_DOCUMENT.get(entry.kind) or brief(entry.kind, facts)
    return Row(
        points_seq=line.points.seq if line.points else None,
        minutes_seq=line.minutes.seq if line.minutes else None,
        on_date=entry.on_date,
        what=_what(entry),
        code=str(facts.get("activity_code") or facts.get("wish_code") or ""),
        points=line.points.amount if line.points else 0,
        minutes=line.minutes.amount if line.minutes else 0,
        balance=line.points_balance,
        why=t(why.zh, why.en),
        brief=t(short.zh, short.en),
        tag=_tag(line, facts),
    )


def _tag(line: Line, facts: Mapping[str, Any]) -> str:
    """What a reader would wonder about at once: why there are fewer points, or none."""
    if facts.get("caps_hit"):
        return t("到上限", "limit")
    if line.points is None and facts.get("points"):  # after a public notice, by themselves
        return t("积分另记", "points apart")
    return "" if line.points or line.entry.kind in KINDS_OF_DOCUMENT else t("不计分", "no points")


def _what(entry: Entry) -> str:
    facts = entry.explanation
    if entry.kind in KINDS_OF_DOCUMENT:
        said = KINDS_OF_DOCUMENT[entry.kind]
    elif "colour" in facts:
        said = words(COLOURS, facts["colour"])
    elif "kind" in facts:
        said = words(KINDS, facts["kind"])
    else:
        return t("志愿服务", "Service")
    return t(said.zh, said.en[:1].upper() + said.en[1:])
