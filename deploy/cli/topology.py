"""linli topology"""

from __future__ import annotations

import sys

import click


@click.group(short_help="消息拓扑 / the broker's exchanges, queues and bindings")
def topology() -> None:
    """声明或核对消息服务里的交换机、队列与绑定 / declare or check what the broker must have."""


@topology.command("apply", short_help="声明 / declare")
def apply() -> None:
    """建立所缺的一切，不动多出来的 / make what is missing; safe to run again."""
    from shared.messaging import topology as declared  # noqa: PLC0415

    declared.apply(declared.read_settings())
    click.echo("拓扑已就绪 / the topology is in place")


@topology.command("check", short_help="核对 / compare with the live broker")
def check() -> None:
    """与运行中的消息服务逐项核对；有差异则退出码为 1 / exit code 1 if anything differs."""
    from shared.messaging import topology as declared  # noqa: PLC0415

    differences = declared.check(declared.read_settings())
    for each in differences:
        click.echo(f"{each.kind} {each.name}: {each}")
    if differences:
        sys.exit(1)
    click.echo("拓扑一致 / the broker is as declared")
