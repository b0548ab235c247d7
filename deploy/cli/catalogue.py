"""linli catalogue"""

from __future__ import annotations

from pathlib import Path

import click

from deploy.cli import services

file = click.argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@click.group(short_help="立案目录 / the catalogue of conditions")
def catalogue() -> None:
    """立案目录：事项、时限、结案条件 / kinds of requests, their limits, when they are done."""


@catalogue.command(short_help="检查文件 / check a file")
@file
def check(file: Path) -> None:
    """检查 FILE 而不写入，错误指明位置 / check FILE without writing; faults name their place."""
    from services.intake.actions.catalogue import read_file  # noqa: PLC0415

    found = read_file(file.read_bytes())
    click.echo(
        f"{len(found.groups)} 大类 / groups, {len(found.events)} 小类 / events,"
        f" {len(found.conditions)} 立案条件 / conditions, {found.valid_from} 起 / from"
    )


@catalogue.command(short_help="载入文件 / load a file")
@file
def load(file: Path) -> None:
    """载入 FILE：第一版即生效，之后的存为草案 / the first is published, later ones are drafts.

    草案由管理员在 /catalogue/versions 页面发布。
    A manager publishes a draft on the page /catalogue/versions.
    """
    from services.intake.actions import catalogue as publishing  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    found = publishing.read_file(file.read_bytes())
    with services.sessions_of("intake") as sessions, transaction(sessions) as tx:
        version = publishing.publish_first(tx, found)
        if version is not None:
            click.echo(f"第 {version} 版已发布 / version {version} is published")
            return
        version = publishing.draft(tx, found, by="command")
    click.echo(
        f"第 {version} 版已存为草案，请管理员发布 / version {version} is drafted: a manager publishes it"
    )


@catalogue.command(short_help="导出现行目录 / write what is in force")
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
def export(target: Path) -> None:
    """把现行目录写入 FILE / write the version in force to FILE."""
    from services.intake.actions.catalogue import write_file  # noqa: PLC0415
    from services.intake.queries.catalogue import catalogue_at  # noqa: PLC0415
    from shared import clock  # noqa: PLC0415

    with services.sessions_of("intake") as sessions, sessions() as session:
        found = catalogue_at(session, clock.now())
    if found is None:
        raise click.ClickException(
            "还没有目录，请先载入辖区 / there is no catalogue: load a district first"
        )
    target.write_bytes(write_file(found))
    click.echo(f"第 {found.version} 版 / version {found.version}: {target}")
