"""linli proof"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli import services

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from services.points.rules.proof_breaks import Break


@click.group(short_help="封存与核验积分流水 / seal and verify the entries of points")
def proof() -> None:
    """流水封存、核验与每日的根 / sealing, verifying, and the roots of each day."""


@proof.command("seal", short_help="立即封存 / seal now")
def seal() -> None:
    """封存所有未封存的流水（后台进程每 30 秒也做）/ seal all that waits; the worker does so too."""
    from services.points.actions.sealing import seal as seal_some  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    count, is_done = 0, False
    with services.sessions_of("points") as sessions:
        while not is_done:
            with transaction(sessions) as tx:
                done = seal_some(tx)
            count += done.entry_count
            is_done = done.is_done or done.is_locked
    click.echo(f"已封存 / sealed: {count}")


@proof.command("verify", short_help="核验全部 / verify everything")
@click.option(
    "--heads",
    "noted",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="另存的链尾，由 linli proof heads 写出 / heads kept elsewhere, as linli proof heads wrote",
)
@click.option("--all", "is_all", is_flag=True, help="列出全部问题 / name all that is wrong")
def verify(noted: Path | None, is_all: bool) -> None:
    """逐条核验；遇到第一条不符的流水即指名并以 1 退出。

    Verify every entry; name the first that is wrong and leave with 1.
    """
    from services.points.actions.verifying import check_heads, walk  # noqa: PLC0415

    count = broken = 0
    with services.sessions_of("points") as sessions, sessions() as session:
        parts = ((part.entry_count, part.breaks) for part in walk(session))
        heads = [(0, check_heads(session, _noted(noted)))] if noted else []
        for entries, breaks in (*heads, *parts):
            count += entries
            for each in breaks if is_all else breaks[:1]:
                click.echo(_line(session, each), err=True)
            broken += len(breaks)
            if broken and not is_all:
                break
    if broken:
        sys.exit(1)
    click.echo(f"已核验，无误 / verified, all sound: {count}")


@proof.command("heads", short_help="各链的链尾 / the newest block of each chain")
def heads() -> None:
    """打印各链链尾，请另存他处，供日后 verify --heads 比对 / print them, to be kept elsewhere."""
    from services.points.queries.proof import heads as newest  # noqa: PLC0415

    with services.sessions_of("points") as sessions, sessions() as session:
        for community, height, found in newest(session):
            click.echo(f"{community} {height} {found}")


def _noted(path: Path) -> list[tuple[str, int, str]]:
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    try:
        return [(community, int(height), found) for community, height, found in rows]
    except ValueError:
        raise click.ClickException(
            f"{path}：每行应为“社区 高度 指纹” / each line must be: community height hash"
        ) from None


def _line(session: Session, each: Break) -> str:
    from services.points.queries.proof import owner_of  # noqa: PLC0415
    from services.points.rules.proof_breaks import WORDS  # noqa: PLC0415

    zh, en = WORDS[each.what]
    where = []
    if each.account_id is not None:
        owner = owner_of(session, each.account_id) or ("?", "?", "?")
        where.append(f"{'/'.join(owner)} #{each.seq} (account {each.account_id})")
    if each.community is not None:
        where.append(each.community + (f" block {each.height}" if each.height else ""))
    if each.on is not None:
        where.append(each.on.isoformat())
    return f"{zh} / {en}: {', '.join(where)}"
