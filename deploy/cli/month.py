"""linli month"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from deploy.cli.load import directory, keep_in


@click.group(short_help="播放一个月的事件 / play a month of events")
def month() -> None:
    """以各合伙人的身份、经真实入口播放一个月的事件 / play a month through the real doors."""


@month.command("play", short_help="播放 / play")
@directory
@keep_in
@click.option("--url", help="网页地址，默认 LINLI_PUBLIC_URL / where the web face answers")
@click.option(
    "--check/--no-check",
    default=True,
    show_default=True,
    help="与 expected.json 比对 / compare with expected.json and expected_balances.csv",
)
def play(directory: Path, keep_in: Path, url: str | None, check: bool) -> None:
    """播放 DIR 中的 events.jsonl；不符则退出码为 1 / exit code 1 if the answer is wrong."""
    from rich.console import Console  # noqa: PLC0415

    from deploy.month import credentials  # noqa: PLC0415
    from deploy.month.play import play as play_all  # noqa: PLC0415
    from shared import config  # noqa: PLC0415

    sys.exit(
        play_all(
            config.environment(),
            directory,
            url or config.read("LINLI_PUBLIC_URL"),
            credentials.read(keep_in),
            check=check,
            console=Console(),
        )
    )
