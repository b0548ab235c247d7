"""linli open311"""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from deploy.cli import services


@click.group(short_help="开放诉求接口 / the Open311 door")
def open311() -> None:
    """管理 Open311 客户端的密钥与服务设置 / keys of Open311 clients, and what services ask."""


@open311.group("key", short_help="密钥 / keys")
def key() -> None:
    """发放、列出、停用密钥 / give out, list and revoke keys."""


@key.command("add", short_help="发放 / give one out")
@click.argument("name")
@click.option(
    "--per-minute",
    type=click.IntRange(1, 100_000),
    default=600,
    show_default=True,
    help="每分钟至多多少件 / how many posts a minute",
)
def add(name: str, per_minute: int) -> None:
    """发放密钥并显示一次 / make a key for NAME; it is shown once."""
    from services.intake.actions.open311.keys import add_key  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    with services.sessions_of("intake") as sessions, transaction(sessions) as tx:
        key_no, made = add_key(tx, name, by=_by(), per_minute=per_minute)
    click.echo(f"{key_no}: {name}")
    click.echo(f"密钥，只显示这一次 / the key, shown only now: {made}")


@key.command("list", short_help="列出 / list them")
def list_all() -> None:
    """列出密钥，不显示密钥本身 / list the keys, not what they are."""
    from services.intake.queries.open311.keys import listed_keys  # noqa: PLC0415

    with services.sessions_of("intake") as sessions, sessions() as session:
        for row in listed_keys(session):
            state = "已停用 / revoked" if row["revoked_at"] else "有效 / good"
            click.echo(
                f"{row['key_no']}: {row['name']}  {row['per_minute']}/min"
                f"  {row['posted_count']}  {state}"
            )


@key.command("revoke", short_help="停用 / revoke one")
@click.argument("key_no", type=click.IntRange(1))
def revoke(key_no: int) -> None:
    """立即停用，不可恢复 / let a key open nothing any more, for good."""
    from services.intake.actions.open311.keys import revoke_key  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    with services.sessions_of("intake") as sessions, transaction(sessions) as tx:
        revoke_key(tx, key_no)
    click.echo(f"{key_no}: 已停用 / revoked")


@open311.command("load", short_help="服务设置 / what services ask")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(file: Path) -> None:
    """从 JSON 文件载入服务的类型与属性，整体替换 / replace what services ask by a JSON file."""
    import json  # noqa: PLC0415

    from services.intake.actions.open311.services import load_settings  # noqa: PLC0415
    from services.intake.rules.open311.settings_file import read_settings_file  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise click.ClickException(f"{file} 不是 JSON / is not JSON: {problem}") from problem
    settings = read_settings_file(document)
    with services.sessions_of("intake") as sessions, transaction(sessions) as tx:
        load_settings(tx, settings)
    click.echo(f"{len(settings.attributes)} 项服务 / services")


def _by() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return "cli"
