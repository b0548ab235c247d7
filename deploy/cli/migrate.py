"""linli migrate"""

from __future__ import annotations

import click

from deploy.cli import services


@click.command(short_help="升级数据库 / bring the databases up to date")
@services.maybe_one
def migrate(service: str | None) -> None:
    """升级一个或全部服务的数据库 / bring one service's database, or all four, to the head.

    以各服务的属主角色运行：SVC_OWNER_DATABASE_URL。
    Runs as the role that owns the tables: SVC_OWNER_DATABASE_URL.
    """
    from shared import config  # noqa: PLC0415
    from shared.db import migrations  # noqa: PLC0415

    for each in services.chosen(service):
        migrations.upgrade(each, config.read(f"{each.upper()}_OWNER_DATABASE_URL"))
        click.echo(f"{each}: {migrations.head(each)}")
