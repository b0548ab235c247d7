"""linli dispatch"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from deploy.cli import services

file = click.argument(
    "path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@click.group(short_help="派单规则 / rules of dispatch")
def dispatch() -> None:
    """检查、载入、导出承办单位和派单规则 / check, load and export units and rules of dispatch."""


@dispatch.command("check", short_help="检查 / check a file")
@file
def check(path: Path) -> None:
    """检查 FILE，什么也不改；有错则列出位置 / check FILE and change nothing."""
    from services.intake.actions.dispatch_units import check_file  # noqa: PLC0415
    from services.intake.rules.dispatch_form import BadDispatchRules  # noqa: PLC0415

    try:
        units, rules = check_file(_read(path))
    except BadDispatchRules as problem:
        for each in problem.problems:
            click.echo(f"{each.pointer or '/'}：{each.zh} / {each.en}", err=True)
        raise click.ClickException(f"{path}: {len(problem.problems)}") from problem
    click.echo(f"{units} 个单位 / units, {rules} 条规则 / rules")


@dispatch.command("load", short_help="载入并发布 / load and publish")
@file
def load(path: Path) -> None:
    """载入 FILE 中的单位，规则成为新的一版；可重复执行 / units, and rules as the newest version.

    管理员在页面上改规则须两人；此命令供初次安装 / managers change rules by two; this is for setup.
    """
    from services.intake.actions.dispatch_units import load_file  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    with services.sessions_of("intake") as sessions, transaction(sessions) as tx:
        loaded = load_file(tx, _read(path), by=f"cli:{getpass.getuser()}")
    click.echo(f"{loaded.units} 个单位 / units")
    if loaded.version is None:
        click.echo("规则没有变化 / the rules are those in force")
    else:
        click.echo(f"派单规则第 {loaded.version} 版已生效 / version {loaded.version} is in force")


@dispatch.command("export", short_help="导出 / export what is in force")
def export() -> None:
    """打印现行的单位和规则，可再次载入 / print units and rules in force, to be loaded again."""
    import orjson  # noqa: PLC0415

    from services.intake.queries.dispatch_desk import file_in_force  # noqa: PLC0415

    with services.sessions_of("intake") as sessions, sessions() as session:
        found = file_in_force(session)
    click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


def _read(path: Path) -> Any:
    import orjson  # noqa: PLC0415

    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as wrong:
        where = f"{path}:{wrong.lineno}:{wrong.colno}"
        raise click.ClickException(f"{where}: 不是 JSON / not JSON: {wrong.msg}") from wrong
