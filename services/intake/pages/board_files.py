"""The board to take away: a workbook with the rows behind it, and a sheet to hang up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from io import BytesIO
from typing import IO, Any, Final

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from services.intake.pages.board_words import PARTS, RATES, percent
from services.intake.pages.words import word
from services.intake.queries.board_now import Now
from services.intake.rules.board import Rate
from services.intake.rules.board_sheet import Board, GroupLines, Line
from shared.clock import DISTRICT_TIMEZONE
from shared.web.sheets import Row, write_workbook

ROWS_MAX: Final = 20_000
FONT: Final = "STSong-Light"  # one that every reader of PDF has for Chinese, so no file is needed
_PAGE = landscape(A4)
_LEFT, _RIGHT, _TOP, _BOTTOM = 14 * mm, _PAGE[0] - 14 * mm, _PAGE[1] - 14 * mm, 14 * mm
_ROW = 6.4 * mm
_COLUMNS: Final = (
    ("名次 Place", 14), ("名称 Name", 58), ("收到 In", 18), ("超期 Late", 18),
    ("响应率 Response", 30), ("解决率 Resolution", 30), ("满意率 Satisfaction", 32),
    ("按时 On time", 26), ("返工 Rework", 24), ("综合 Score", 19),
)  # fmt: skip


def workbook(file: IO[bytes], board: Board, rows: Sequence[dict[str, Any]], month: str) -> None:
    """Figures, groups, days and the rows that all of it counts (the newest `ROWS_MAX`)."""
    write_workbook(
        file,
        [
            (f"看板 {month}", ("指标 figure", "数 count"), _figures(board)),
            (
                "三率 rates",
                ("指标 rate", "比率 rate", "分子 counted", "分母 of"),
                [
                    (_both(RATES[name]), percent(rate.value),
                     sum(board.total[part] for part in rate.parts), board.total[rate.whole])
                    for name, rate in board.rates.items()
                ],
            ),
            ("分组 groups", _GROUP_HEADING, _group_rows(board.groups)),
            ("按日 days", ("日期 day", "收到 received", "仍在办 open"), board.days),
            ("明细 requests", _ROW_HEADING, [_request(row) for row in rows]),
        ],
    )  # fmt: skip


def _both(words: tuple[str, str]) -> str:
    return f"{words[0]} {words[1]}"


def _figures(board: Board) -> Iterable[Row]:
    yield from ((_both(words), board.total[name]) for name, words in PARTS.items())
    yield ("首次联系中位分钟 Minutes to contact, median", board.medians.contact)
    yield ("办结中位分钟 Minutes to resolve, median", board.medians.resolve)


_GROUP_HEADING: Final[Row] = (
    "组 group", "名次 place", "编码 code", "名称 name",
    *(_both(words) for words in PARTS.values()),
    *(_both(words) for words in RATES.values()),
    "综合 score", "联系中位 contact", "办结中位 resolve",
)  # fmt: skip
_ROW_HEADING: Final[Row] = (
    "编号 number", "状态 state", "紧急 urgency", "类别 category", "社区 community", "承办 unit",
    "收到 received", "时限 due", "办结 resolved", "解决 solved", "满意 satisfied",
)  # fmt: skip


def _group_rows(groups: Iterable[GroupLines]) -> Iterable[Row]:
    for each in groups:
        for line in each.lines:
            yield (
                each.group.name,
                line.place,
                line.code,
                line.name,
                *(line.tally[part] for part in PARTS),
                *(percent(rate.value) for rate in line.rates.values()),
                percent(line.score),
                line.medians.contact,
                line.medians.resolve,
            )


def _request(row: dict[str, Any]) -> Row:
    # No title: free text stays where it is read one by one.
    return (
        row["request_no"], word("state", row["state"]), word("urgency", row["urgency"]),
        row["category"], row["community_name"], row["unit_name"], _moment(row["received_at"]),
        _moment(row["due_at"]), _moment(row["resolved_at"]), row["solved"], row["satisfied"],
    )  # fmt: skip


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(DISTRICT_TIMEZONE).strftime("%Y-%m-%d %H:%M")


def pdf(board: Board, now: Now, month: str, at: datetime) -> bytes:
    """A4 on its side: the month's rates, then the groups, on as many pages as they need."""
    if FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    made = BytesIO()
    canvas = Canvas(made, pagesize=_PAGE, pageCompression=1, invariant=1)
    canvas.setTitle(f"看板 {month}")
    y = _head(canvas, board, now, month, at)
    for each in board.groups:
        if each.lines:
            y = _group(canvas, each, y)
    canvas.showPage()
    canvas.save()
    return made.getvalue()


def _head(canvas: Canvas, board: Board, now: Now, month: str, at: datetime) -> float:
    canvas.setFont(FONT, 20)
    canvas.drawString(_LEFT, _TOP - 6 * mm, f"诉求办理看板  {month}")
    canvas.setFont(FONT, 9)
    canvas.drawRightString(_RIGHT, _TOP - 4 * mm, f"截至 As of {_moment(at)}")
    told = (
        f"收到 Received {board.total['received']:,}    此刻超期 Overdue now {now.overdue:,}"
        f"    两小时内到期 Due soon {now.soon:,}    在办 Open {now.open:,}"
        f"    剔除 Excluded {board.total['excluded']:,}"
    )
    canvas.setFont(FONT, 10.5)
    canvas.drawString(_LEFT, _TOP - 14 * mm, told)
    width = (_RIGHT - _LEFT) / len(board.rates)
    for place, (name, rate) in enumerate(board.rates.items()):
        _rate(canvas, board, name, rate, _LEFT + place * width)
    return _TOP - 48 * mm


def _rate(canvas: Canvas, board: Board, name: str, rate: Rate, x: float) -> None:
    canvas.setFont(FONT, 10)
    canvas.drawString(x, _TOP - 23 * mm, _both(RATES[name]))
    canvas.setFont(FONT, 19)
    canvas.drawString(x, _TOP - 32 * mm, percent(rate.value))
    canvas.setFont(FONT, 8)
    met = " + ".join(f"{board.total[part]:,}" for part in rate.parts)
    canvas.drawString(x, _TOP - 37 * mm, f"{met} / {board.total[rate.whole]:,}")


def _group(canvas: Canvas, each: GroupLines, y: float) -> float:
    if y - 4 * _ROW < _BOTTOM:
        y = _turn(canvas)
    y = _heading(canvas, each, y)
    for line in each.lines:
        if y - _ROW < _BOTTOM:
            y = _heading(canvas, each, _turn(canvas))
        _cells(canvas, _line(line), y - 4.4 * mm)
        y -= _ROW
        canvas.setLineWidth(0.3)
        canvas.line(_LEFT, y, _RIGHT, y)
    return y - 5 * mm


def _turn(canvas: Canvas) -> float:
    canvas.showPage()
    return _TOP


def _heading(canvas: Canvas, each: GroupLines, y: float) -> float:
    canvas.setFont(FONT, 12)
    canvas.drawString(_LEFT, y - 5 * mm, f"{each.group.name} {each.group.name_en}")
    y -= 7 * mm
    canvas.setFont(FONT, 8.5)
    _cells(canvas, [name for name, _ in _COLUMNS], y - 4.4 * mm)
    canvas.setLineWidth(0.8)
    canvas.line(_LEFT, y - _ROW, _RIGHT, y - _ROW)
    canvas.setFont(FONT, 9.5)
    return y - _ROW


def _cells(canvas: Canvas, cells: Sequence[str], y: float) -> None:
    x = _LEFT
    for place, (cell, (_, width)) in enumerate(zip(cells, _COLUMNS, strict=True)):
        if place == 1:
            canvas.drawString(x + 2 * mm, y, cell[:24])
        else:
            canvas.drawRightString(x + width * mm - 2 * mm, y, cell)
        x += width * mm


def _line(line: Line) -> list[str]:
    rated = line.rates
    return [
        "—" if line.place is None else str(line.place),
        line.name,
        f"{line.tally['received']:,}",
        f"{line.tally['overdue']:,}",
        *(percent(rated[name].value) for name in ("response", "resolution", "satisfaction")),
        percent(rated["on_time"].value),
        percent(rated["rework"].value),
        percent(line.score),
    ]
