"""linli events"""

from __future__ import annotations

import click

from deploy.cli import services

LIST_MAX = 1000


@click.group(short_help="被拒的合伙人事件 / partner events that were rejected")
def events() -> None:
    """查看被拒的合伙人事件，并在规则或名册修正后重审 / list rejected events, judge them again."""


@events.command("list", short_help="清单 / list")
@click.option("--partner", help="只看一个合伙人 / of one partner only (slug)")
@click.option("--reason", help="只看一种原因 / of one reason only, such as unknown_resident")
@click.option("--limit", type=click.IntRange(1, LIST_MAX), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON，每行一条 / one JSON object a line")
def list_(partner: str | None, reason: str | None, limit: int, as_json: bool) -> None:
    """最近被拒且未重审的事件 / the newest rejected events that were not judged again."""
    from deploy.cli.printing import json_line  # noqa: PLC0415
    from services.intake import queries  # noqa: PLC0415

    with services.sessions_of("intake") as sessions, sessions() as session:
        found = queries.rejected(session, partner=partner, reason=reason, limit=limit)
    for row in found:
        if as_json:
            click.echo(json_line(row))
        else:
            click.echo(
                f"{row['partner']} {row['seq']}  {row['reason']}  {row['type']}  {row['id']}"
                f"  {row['received_at']:%F %T%z}  {row['pointer'] or ''} {row['detail'] or ''}"
            )


@events.command("redrive", short_help="重审 / judge again")
@click.argument("partner")
@click.argument("seq", type=int)
def redrive(partner: str, seq: int) -> None:
    """重审一条被拒的事件：合伙人代号与序号见 linli events list / judge one again."""
    from deploy.cli.printing import json_line  # noqa: PLC0415
    from services.intake.actions.redrive import redrive as judge_again  # noqa: PLC0415
    from services.intake.config import read_settings  # noqa: PLC0415
    from shared.crypto import FieldCipher  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    cipher = FieldCipher(read_settings().field_key)
    with services.sessions_of("intake") as sessions, transaction(sessions) as tx:
        verdicts = judge_again(tx, partner, seq, cipher=cipher)
    for verdict in verdicts:
        click.echo(json_line(verdict))
