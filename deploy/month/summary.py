"""What a person is told: a progress bar while it runs (plain lines without a terminal), a table
at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from deploy.month.check import Difference
    from deploy.month.outcome import Latency
    from deploy.month.settle import Settled
    from deploy.month.tally import Tally

PLAIN_EVERY_S = 2.0


@contextmanager
def narrated(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function that takes how many of `total` are done."""
    started_s = time.monotonic()
    if not console.is_terminal:
        said_s = started_s
        console.print(f"{what} …", highlight=False)

        def say(done: int) -> None:
            nonlocal said_s
            if time.monotonic() - said_s > PLAIN_EVERY_S:
                said_s = time.monotonic()
                console.print(f"  {done:,} / {total:,}", highlight=False)

        yield say
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        refresh_per_second=8,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


def tell(
    console: Console,
    tally: Tally,
    settled: Settled,
    latency: Latency,
    *,
    sent_s: float,
    walked_s: float,
) -> None:
    """The summary. `sent_s` is until every verdict was there, `walked_s` until the last credit."""
    outcome = settled.outcome
    table = Table(title="本月事件 / the month", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_row("发送 / sends", f"{tally.sends:,}")
    for name, count in sorted(outcome.verdicts.items()):
        table.add_row(f"  {name}", f"{count:,}")
    table.add_row("  门口拒绝 / refused at the door", f"{tally.refused.total():,}")
    table.add_row("居民积分 / points", f"{outcome.totals['resident:points']:,}")
    table.add_row("服务分钟 / service minutes", f"{outcome.totals['resident:service_minutes']:,}")
    table.add_row(
        "合伙人贡献 / partner points", f"{outcome.totals['partner:partner_contribution']:,}"
    )
    table.add_row("诉求 / requests", f"{outcome.requests:,}")
    for kind, count in sorted(outcome.notices.items()):
        table.add_row(f"通知 / notices: {kind}", f"{count:,}")
    for state, count in sorted(outcome.deliveries.items()):
        table.add_row(f"送达 / deliveries: {state}", f"{count:,}")
    table.add_row("用时到裁定 / until the verdicts", f"{sent_s:.1f} s")
    table.add_row("用时到入账 / until the last credit", f"{walked_s:.1f} s")
    table.add_row("速率 / events a second", f"{tally.sends / max(walked_s, 0.001):,.0f}")
    table.add_row(
        "受理到入账 / accepted to credited, p50, p99",
        f"{_seconds(latency.p50_s)}, {_seconds(latency.p99_s)}",
    )
    left = (
        outcome.outboxes.total()
        + outcome.dead_letters.total()
        + settled.queues.total()
        + outcome.pending_deliveries
    )
    table.add_row("未了 / left over", f"{left:,}")
    console.print(table)
    _tell_trouble(console, tally, settled)


def _tell_trouble(console: Console, tally: Tally, settled: Settled) -> None:
    for partner, why in sorted(tally.refusals.items()):
        console.print(
            f"门口拒绝 / refused: {partner} x{tally.refused[partner]}: {why}",
            highlight=False,
            markup=False,
        )
    if tally.resent:
        console.print(
            f"连接中断后重发 / sent again after a lost connection: {tally.resent}"
            "（可能多出重复 / may show as duplicates）",
            highlight=False,
        )
    for error in tally.errors:
        console.print(f"失败 / failed: {error}", style="red", markup=False)
    if tally.failures > len(tally.errors):
        console.print(f"失败共 / failures in all: {tally.failures}", style="red")
    if not settled.in_time:
        console.print("等待超时，仍有未了 / gave up waiting: something is still open", style="red")


def tell_differences(console: Console, differences: list[Difference]) -> None:
    """Right or not, and where not."""
    if not differences:
        console.print("结果正确 / the answer is right", style="green")
        return
    table = Table(title="与预期不符 / not as expected", title_justify="left", title_style="red")
    for heading in ("项目 / what", "预期 / expected", "实际 / found"):
        table.add_column(heading, overflow="fold")
    for each in differences:
        table.add_row(each.what, str(each.expected), str(each.found))
    console.print(table, markup=False)


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
