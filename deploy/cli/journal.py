"""linli journal"""

from __future__ import annotations

import contextlib
import sys
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import click

from deploy.cli import services

_FORMATS = ("hledger", "beancount", "xlsx")
_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(short_help="导出账本 / export the ledger as a journal")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="hledger", show_default=True)
@click.option("--owner", help="只导出此人或此单位 / of one resident or partner only")
@click.option("--community", help="只导出此社区居民 / of residents of one community only")
@click.option("--from", "first", type=_DAY, help="起始日（含） / the first day, YYYY-MM-DD")
@click.option("--until", "last", type=_DAY, help="截止日（含） / the last day, YYYY-MM-DD")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="写入文件 / a file")
def journal(
    form: str,
    owner: str | None,
    community: str | None,
    first: datetime | None,
    last: datetime | None,
    out: Path | None,
) -> None:
    """导出账本，末尾有每个账户的余额断言 / the ledger, with an assertion of every balance at its end.

    例 / for example: linli journal | hledger -f - balance
    """
    from services.points.queries import journal as ledger  # noqa: PLC0415
    from services.points.queries.journal_sheets import sheets  # noqa: PLC0415
    from services.points.rules.journal import dialect  # noqa: PLC0415
    from shared.web.sheets import write_workbook  # noqa: PLC0415

    part = ledger.Part(owner=owner, community=community, first=_day(first), last=_day(last))
    if form == "xlsx" and out is None:
        raise click.UsageError("xlsx 需要 --out / xlsx needs --out")
    with services.sessions_of("points") as sessions, sessions() as session:
        if form == "xlsx":
            write_workbook(str(out), sheets(session, part))
            return
        with _output(out) as file:
            for piece in ledger.lines(session, part, dialect(form)):
                file.write(piece)


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()


def _output(out: Path | None) -> contextlib.AbstractContextManager[IO[Any]]:
    return contextlib.nullcontext(sys.stdout) if out is None else out.open("w", encoding="utf-8")
