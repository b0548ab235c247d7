"""linli doctor"""

from __future__ import annotations

import sys

import click


@click.command(short_help="体检 / find out what is wrong")
@click.option("--json", "as_json", is_flag=True, help="JSON，每行一项 / one JSON object a line")
def doctor(as_json: bool) -> None:
    """检查配置、数据库、消息服务、死信、发件箱与时钟；有问题则退出码为 1。

    Checks settings, databases, broker, dead letters, outboxes and clocks; exit code 1 if
    anything is wrong.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from deploy.cli.checkup import examine  # noqa: PLC0415
    from deploy.cli.printing import json_line  # noqa: PLC0415

    wrong = 0
    for finding in examine():
        wrong += not finding.ok
        if as_json:
            click.echo(json_line(asdict(finding)))
            continue
        click.echo(f"{'✓' if finding.ok else '✗'} {finding.check}: {finding.zh} / {finding.en}")
        if not finding.ok and finding.advice_zh:
            click.echo(f"    {finding.advice_zh}\n    {finding.advice_en}")
    if not as_json:
        click.echo(f"{wrong} 处有问题 / {wrong} wrong" if wrong else "一切正常 / all is well")
    sys.exit(1 if wrong else 0)
