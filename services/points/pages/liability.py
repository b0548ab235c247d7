"""积分负债: what is owed to residents, month by month, and against which budgets."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, Response, render_template, request, send_file

from services.points.queries import budgets as known
from services.points.queries import liability
from services.points.rules.budgets import Budget, Rates, Spending, in_force
from services.points.rules.liability import HEADINGS, Place, RollForward, value_fen, worth
from shared import clock
from shared.db.session import Sessions
from shared.web.access import require_role
from shared.web.i18n import t
from shared.web.sheets import CSV, XLSX, Row, csv_lines, write_workbook

ROLES = ("manager", "operator", "auditor")
PLACE = "/points/liability"
MONTHS_AHEAD = 12

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """One community's month; `changes` in the order of the headings that are shown."""

    name: str
    opening: int
    changes: list[int]
    closing: int


@dataclass(frozen=True, slots=True)
class Told:
    """A budget in force and what is committed of it, both in its unit."""

    budget: Budget
    name: str
    redeemed: int
    held: int
    committed: int

    @property
    def percent(self) -> int:
        """Committed of a hundred, rounded down; 100 for a budget of nothing that is used."""
        if self.budget.amount == 0:
            return 100 if self.committed else 0
        return self.committed * 100 // self.budget.amount


def add_liability(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/liability, and the same month as CSV and as a workbook."""

    @blueprint.get(PLACE)
    @require_role(*ROLES)
    def show_liability() -> str:
        first, last = _asked()
        today = clock.today()
        with sessions() as session:
            rolled = liability.roll_forward(session, first, last, today)
            owed = liability.outstanding(session)
            ages = liability.ages(session)
            closing = liability.last_closing(session)
            rates = known.rates(session, today)
            told = [
                _told(budget, known.spending(session, scope, budget.starts_on, budget.ends_on),
                      rates)
                for scope, budget in sorted(in_force(known.budgets_on(session, today),
                                                     today).items())
            ]  # fmt: skip
        headings, lines = _lines(rolled)
        return render_template(
            "liability.html",
            month=f"{first:%Y-%m}",
            before=f"{first - timedelta(days=1):%Y-%m}",
            after=f"{last + timedelta(days=1):%Y-%m}" if last < today else None,
            headings=[t(*HEADINGS[name]) for name in headings],
            headings_num=[(t(*HEADINGS[name]), "num") for name in headings],
            lines=lines,
            closed_through=closing.through if closing else None,
            total=sum(one.points for one in owed),
            value=_value(owed, rates) if rates else None,
            soon=_soon(owed, today),
            ahead=_ahead(owed, today),
            ages=_by_age(ages),
            communities=_by_community(owed),
            budgets=told,
        )

    _add_downloads(blueprint, sessions)


def _add_downloads(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PLACE + ".csv")
    @require_role(*ROLES)
    def liability_csv() -> Response:
        first, last = _asked()
        with sessions() as session:
            rolled = liability.roll_forward(session, first, last, clock.today())
        heading, rows = _table(rolled)
        name = f"attachment; filename=liability-{first:%Y-%m}.csv"
        return Response(
            csv_lines(heading, rows), mimetype=CSV, headers={"Content-Disposition": name}
        )

    @blueprint.get(PLACE + ".xlsx")
    @require_role(*ROLES)
    def liability_xlsx() -> Response:
        first, last = _asked()
        with sessions() as session:
            rolled = liability.roll_forward(session, first, last, clock.today())
            owed = liability.outstanding(session)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the answer
        write_workbook(
            file,
            [
                (f"{first:%Y-%m}", *_table(rolled)),
                ("到期 Expiry", ("到期月 month", "社区 community", "方案 programme", "积分 points"),
                 [(_month(o.month), o.community_code, o.programme, o.points) for o in owed]),
            ],
        )  # fmt: skip
        file.seek(0)
        return send_file(
            file, XLSX, as_attachment=True, download_name=f"liability-{first:%Y-%m}.xlsx"
        )


def _asked() -> tuple[date, date]:
    """The first and last day of the month that is asked for; this month when it is none."""
    found = _MONTH.fullmatch(request.args.get("month", ""))
    first = date(int(found[1]), int(found[2]), 1) if found else clock.today().replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _lines(rolled: dict[Place, RollForward]) -> tuple[list[str], list[Line]]:
    """The headings of points that have something, and a line for each community and for all."""
    found: dict[str, RollForward] = {}
    for place, one in rolled.items():
        if place.asset == "points":
            for code in (place.community_code or "-", ""):
                sums = found.setdefault(code, RollForward())
                sums.opening += one.opening
                sums.changes.update(one.changes)
    shown = [name for name in HEADINGS if any(one.changes[name] for one in found.values())]
    lines = [
        Line(_name(code), one.opening, [one.changes[name] for name in shown], one.closing)
        for code, one in sorted(found.items())
    ]
    return shown, lines


def _table(rolled: dict[Place, RollForward]) -> tuple[Row, Iterable[Row]]:
    """Every asset, community and programme with all headings, in both languages."""
    heading: Row = (
        "资产 asset", "社区 community", "方案 programme", "期初 opening",
        *(f"{zh} {en}" for zh, en in HEADINGS.values()), "期末 closing",
    )  # fmt: skip
    rows: list[Row] = [
        (place.asset, place.community_code, place.programme, one.opening,
         *(one.changes[name] for name in HEADINGS), one.closing)
        for place, one in rolled.items()
    ]  # fmt: skip
    return heading, rows


def _told(budget: Budget, spent: Spending, rates: Rates) -> Told:
    unit = budget.unit
    return Told(
        budget,
        _name(budget.community_code),
        worth(unit, spent.redeemed, rates),
        worth(unit, spent.held, rates),
        spent.committed(unit, rates),
    )


def _value(owed: list[liability.Outstanding], rates: Rates) -> int:
    points = Counter[str]()
    for one in owed:
        points[one.programme] += one.points
    return value_fen(points, rates)


def _soon(owed: list[liability.Outstanding], today: date) -> int:
    """What ends in this month and the next two."""
    ahead = _months(today, 3)
    return sum(one.points for one in owed if one.month in ahead)


def _ahead(owed: list[liability.Outstanding], today: date) -> list[tuple[str, int]]:
    """What ends in each of the next months if nobody comes, and what never ends."""
    sums = Counter[date | None]()
    months = _months(today, MONTHS_AHEAD)
    for one in owed:
        sums[one.month if one.month is None or one.month in months else date.max] += one.points
    return [
        *((f"{month:%Y-%m}", sums[month]) for month in months),
        (t("以后", "Later"), sums[date.max]),
        (t("长期有效", "Never"), sums[None]),
    ]


def _months(today: date, count: int) -> list[date]:
    month, found = today.replace(day=1), []
    for _ in range(count):
        found.append(month)
        month = (month + timedelta(days=31)).replace(day=1)
    return found


def _by_age(ages: list[tuple[str, date, int]]) -> list[tuple[str, int]]:
    sums = Counter[date]()
    for _, month, points in ages:
        sums[month] += points
    return [(f"{month:%Y-%m}", points) for month, points in sorted(sums.items())]


def _by_community(owed: list[liability.Outstanding]) -> list[tuple[str, int]]:
    sums = Counter[str]()
    for one in owed:
        sums[one.community_code or "-"] += one.points
    return [(_name(code), points) for code, points in sums.most_common()]


def _name(code: str) -> str:
    if code == "-":
        return t("未登记或区级", "Unregistered or district")
    return code or t("全区", "District")


def _month(month: date | None) -> str:
    return "never" if month is None else f"{month:%Y-%m}"
