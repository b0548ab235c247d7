"""公开看板: for anybody, figures only; what is small enough to point at somebody is not shown."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template

from services.intake.pages.board import asked_for
from services.intake.pages.board_words import percent, rate_word
from services.intake.queries.board import Asked, board
from services.intake.rules.board import Rate, Tally, hidden
from services.intake.rules.board_sheet import Board
from shared import clock
from shared.db.session import Sessions
from shared.web.access import public

SHOWN_RATES = ("response", "resolution", "satisfaction", "on_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicLine:
    """A community's month; None is hidden, and what rests on it too."""

    name: str
    received: int | None
    ended: int | None
    rates: dict[str, int | None]


def make_board_public(sessions: Sessions) -> Blueprint:
    """`/board/public`."""
    blueprint = Blueprint("board_public", __name__)

    @blueprint.get("/board/public")
    @public
    def show_public_board() -> str:
        asked = asked_for()
        # Only a month and the whole district: the narrower the question, the nearer one person.
        asked = Asked(first=asked.first, last=asked.last)
        with sessions() as session:
            made = board(session, asked, clock.now())
        below = made.terms.hidden_below
        total = made.total["received"]
        return render_template(
            "board_public.html",
            month=f"{asked.first:%Y-%m}",
            received=None if 0 < total < below else total,
            rates={name: shown_rate(made.total, made.rates[name], below) for name in SHOWN_RATES},
            lines=public_lines(made),
            below=below,
            percent=percent,
            rate_word=rate_word,
            headings=[(rate_word(name), "num") for name in SHOWN_RATES],
        )

    return blueprint


def public_lines(made: Board) -> list[PublicLine]:
    """Each community in the order of its code: the public is not shown a race."""
    below = made.terms.hidden_below
    lines = sorted(
        (line for each in made.groups if each.group.subject == "community" for line in each.lines),
        key=lambda line: line.code,
    )
    received = hidden({line.code: line.tally["received"] for line in lines}, below)
    ended = hidden({line.code: line.tally["ended"] for line in lines}, below)
    return [
        PublicLine(
            name=line.name,
            received=received[line.code],
            ended=ended[line.code] if received[line.code] is not None else None,
            rates={
                name: shown_rate(line.tally, line.rates[name], below)
                if received[line.code] is not None
                else None
                for name in SHOWN_RATES
            },
        )
        for line in lines
    ]


def shown_rate(counted: Tally, rate: Rate, below: int) -> int | None:
    """None for a rate of too few: it would nearly say what each of them said."""
    return rate.value if counted[rate.whole] >= below else None
