"""linli load"""

from __future__ import annotations

from pathlib import Path

import click

directory = click.argument(
    "directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
keep_in = click.option(
    "--credentials",
    "keep_in",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".run"),
    show_default=True,
    help="合伙人凭据保存在此目录（0600）/ where the partners' credentials are kept (mode 0600)",
)


@click.command(short_help="载入一个辖区 / load a district")
@directory
@keep_in
def load(directory: Path, keep_in: Path) -> None:
    """载入 DIR 中的辖区、居民、合伙人与规则 / load a district, residents, partners and rules.

    各后台进程须在运行。可重复执行。
    The workers must run. Safe to run again: what is there already stays.
    """
    from deploy.month.load import load as load_all  # noqa: PLC0415

    loaded = load_all(None, directory, keep_in, click.echo)
    if loaded.credentials:
        click.echo(f"{len(loaded.credentials)} 份新凭据在 / new credentials are in {keep_in}")
