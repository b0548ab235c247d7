"""linli dead-letters, replay, discard"""

from __future__ import annotations

import getpass
import sys
from uuid import UUID

import click

from deploy.cli import services

_BY = "cli"


@click.command("dead-letters", short_help="死信清单 / events that could not be handled")
@services.maybe_one
@click.option("--json", "as_json", is_flag=True, help="JSON，每行一条 / one JSON object a line")
def dead_letters(service: str | None, as_json: bool) -> None:
    """列出待处理的死信；有则退出码为 1 / list dead letters; exit code 1 if there are any."""
    from deploy.cli.printing import json_line  # noqa: PLC0415
    from shared.messaging import dead_letters as rows  # noqa: PLC0415

    found = 0
    for each in services.chosen(service):
        with services.sessions_of(each) as sessions, sessions() as session:
            letters = rows.listed(session)
        found += len(letters)
        for letter in letters:
            if as_json:
                click.echo(json_line({"service": each, **letter}))
            else:
                click.echo(
                    f"{letter['id']}  {each}  {letter['state']}  {letter['event_type']}"
                    f"  {letter['reason']} x{letter['attempts']}"
                    f"  {letter['last_failed_at']:%F %T%z}\n    {_last_line(letter['detail'])}"
                )
    if found:
        if not as_json:
            click.echo("linli replay ID 重放，linli discard ID 作废 / replay or discard each by ID")
        sys.exit(1)
    if not as_json:
        click.echo("没有死信 / there are no dead letters")


@click.command(short_help="重放死信 / send a dead letter to its queue again")
@click.argument("letter", metavar="ID", type=click.UUID)
def replay(letter: UUID) -> None:
    """把一条死信送回原队列 / send a dead letter to its own queue again."""
    from shared.messaging import dead_letters as rows  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    service = _holder(letter)
    with services.sessions_of(service) as sessions, transaction(sessions) as tx:
        rows.replay(tx, letter, by=_actor())
    click.echo(f"{service}: 已重放 / replayed {letter}")


@click.command(short_help="作废死信 / close a dead letter without replay")
@click.argument("letter", metavar="ID", type=click.UUID)
@click.confirmation_option("--yes", prompt="确定作废？ / discard it for good?")
def discard(letter: UUID) -> None:
    """关闭一条死信，不再处理 / close a dead letter; it will not be handled."""
    from shared.messaging import dead_letters as rows  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    service = _holder(letter)
    with services.sessions_of(service) as sessions, transaction(sessions) as tx:
        rows.discard(tx, letter, by=_actor())
    click.echo(f"{service}: 已作废 / discarded {letter}")


def _holder(letter: UUID) -> str:
    from sqlalchemy import text  # noqa: PLC0415

    from shared.config import MissingSetting  # noqa: PLC0415
    from shared.errors import Missing  # noqa: PLC0415

    for service in services.NAMES:
        try:
            with services.sessions_of(service) as sessions, sessions() as session:
                query = text("SELECT 1 FROM dead_letters WHERE id = :id")
                if session.execute(query, {"id": letter}).first() is not None:
                    return service
        except MissingSetting:
            continue
    raise Missing("no_dead_letter", f"没有死信 {letter}", f"there is no dead letter {letter}")


def _last_line(detail: str) -> str:
    lines = detail.strip().splitlines()  # a trace ends with what went wrong
    return lines[-1][:200] if lines else ""


def _actor() -> str:
    try:
        return f"{_BY}:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return _BY
