"""linli calendar"""

from __future__ import annotations

from pathlib import Path

import click

from deploy.cli import services

file = click.argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
as_hours = click.option(
    "--hours", is_flag=True, help="FILE 是办公时间 / FILE holds office hours, not days"
)


@click.group(short_help="工作日历 / the working calendar")
def calendar() -> None:
    """工作日、调休与办公时间 / workdays, days in lieu, office hours."""


@calendar.command(short_help="检查文件 / check a file")
@file
@as_hours
def check(file: Path, *, hours: bool) -> None:
    """检查 CSV 而不写入 / check a CSV (day,kind,name_zh,name_en) without writing."""
    from services.intake.actions.calendar import read_text  # noqa: PLC0415
    from services.intake.rules.worktime import read_days, read_hours  # noqa: PLC0415

    written = read_text(file.read_bytes())
    if hours:
        click.echo(f"{len(read_hours(written))} 个时期 / periods")
        return
    days = read_days(written)
    click.echo(f"{days[0].day} … {days[-1].day}: {len(days)} 天 / days")


@calendar.command(short_help="载入文件 / load a file")
@file
@as_hours
def load(file: Path, *, hours: bool) -> None:
    """载入 CSV，已有的日子以它为准 / load a CSV; days that are there are replaced.

    已定的时限不变，需要时由管理员在 /calendar 页面重新计算。
    Deadlines that are set stay; a manager reckons them anew on the page /calendar.
    """
    from services.intake.actions import calendar as loading  # noqa: PLC0415
    from services.intake.queries.worktime import calendar_loads  # noqa: PLC0415
    from services.intake.rules.worktime import read_days, read_hours  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    written = loading.read_text(file.read_bytes())
    with services.sessions_of("intake") as sessions, transaction(sessions) as tx:
        if hours:
            loading.load(tx, hours=read_hours(written), by="command")
        else:
            loading.load(tx, days=read_days(written), by="command")
        newest = calendar_loads(tx.session, 1)[0]
    click.echo(f"{newest.first_day} … {newest.last_day}")
