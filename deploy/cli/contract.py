"""linli contract"""

from __future__ import annotations

import sys
from pathlib import Path

import click

_ROOT = Path(__file__).resolve().parents[2]


@click.command(short_help="生成契约文档 / write the contract's documents")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=_ROOT / "docs" / "contract",
    show_default="docs/contract",
)
@click.option("--check", is_flag=True, help="只核对，过期则退出码为 1 / exit 1 if out of date")
def contract(out: Path, check: bool) -> None:
    """由代码生成 JSON Schema、AsyncAPI 与 OpenAPI / write them from the code that validates."""
    from deploy.cli import openapi  # noqa: PLC0415
    from shared.schemas import documents  # noqa: PLC0415

    specs = openapi.documents()
    changed = (
        [*documents.stale(out), *documents.stale_openapi(out, specs)]
        if check
        else documents.write_openapi(out, specs)
    )
    for name in changed:
        click.echo(f"{'过期 / out of date' if check else '已写 / written'}: {name}")
    if check and changed:
        sys.exit(1)
    if not changed:
        click.echo("无变化 / nothing has changed")
