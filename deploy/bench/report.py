"""The record of a run as JSON, and the table that people read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deploy.bench.figures import Repetition, Spread, column, ratios, spread
from deploy.bench.resting import AtRest

ANCHOR = "dramatiq"
_CPU = "cpu_us_"

LABELS = {
    "dramatiq": "dramatiq 空任务，1 进程 8 线程 / no-op actors, 1 process, 8 threads",
    "dramatiq_quorum": "同上，用我们的仲裁队列 / the same on our quorum queue, confirms on",
    "pgbench_1": "pgbench TPC-B，规模 1 / scale 1, 20 clients",
    "pgbench_50": "pgbench TPC-B，规模 50 / scale 50, 20 clients",
    "pika": "pika 直接读仲裁队列 / bare pika from a quorum queue",
    "gate": "一跳：入口 → 裁定与记录 / hop: message → verdict and rows",
    "points": "一跳：贡献 → 账本，每条消息 100 个 / hop: contribution → ledger, 100 a message",
    "points_single": "同上，每条消息 1 个 / the same, 1 a message",
    "walk": "全程：入口 → 裁定 → 入账 → 通知 / whole walk: door → verdict → credit → notice",
    "walk_batched": "全程，合伙人每条消息 50 个 / whole walk, partners send 50 a message",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What must be reached; `is_met` is None when it was not measured."""

    name: str
    figure: float | None
    limit: str
    is_met: bool | None


def targets(repetitions: Sequence[Repetition], rest: AtRest | None) -> list[Target]:
    """The project's targets beside the medians of this run."""
    found = [
        _at_least("points hop / dramatiq no-op", ratios(repetitions, "points", ANCHOR), 2.0),
        _at_least("whole walk / dramatiq no-op", ratios(repetitions, "walk", ANCHOR), 1.0),
    ]
    latency, memory = (rest.latency, rest.memory_ours) if rest else ({}, {})
    for door in ("amqp", "http"):
        p99_ms = latency.get(door, {}).get("credited_p99_ms")
        found.append(_at_most(f"idle publish → credited p99, {door}, ms", p99_ms, 150))
    found.append(
        _at_most("memory of our processes at rest (sum of RSS), MiB", memory.get("rss"), 700)
    )
    return found


def _at_least(name: str, values: Sequence[float], limit: float) -> Target:
    figure = spread(values).median if values else None
    return Target(name, figure, f"≥ {limit:g}", None if figure is None else figure >= limit)


def _at_most(name: str, figure: float | None, limit: float) -> Target:
    return Target(name, figure, f"≤ {limit:g}", None if figure is None else figure <= limit)


def record(
    started: str,
    sizes: Mapping[str, object],
    facts: Mapping[str, object],
    repetitions: Sequence[Repetition],
    rest: AtRest | None,
) -> dict[str, Any]:
    """Everything, raw, and the targets."""
    return {
        "started": started,
        "sizes": sizes,
        "machine": facts,
        "repetitions": repetitions,
        "at_rest": asdict(rest) if rest else None,
        "targets": [asdict(each) for each in targets(repetitions, rest)],
    }


def markdown(
    started: str,
    facts: Mapping[str, object],
    repetitions: Sequence[Repetition],
    rest: AtRest | None,
) -> str:
    """The table."""
    machine = ", ".join(f"{name} {value}" for name, value in facts.items())
    parts = [
        f"# Bench {started}\n\n{machine}.\n\n"
        f"{len(repetitions)} 次交替重复：中位数（最小–最大）；比值在同一次重复内计算。"
        f" / {len(repetitions)} interleaved repetitions: median (min–max); ratios are made within"
        " a repetition.\n",
        _targets(targets(repetitions, rest)),
        _rates(repetitions),
        _cpu(repetitions),
    ]
    if rest is not None:
        parts += [_latency(rest), _memory(rest)]
    return "\n".join(part for part in parts if part)


def _targets(found: Sequence[Target]) -> str:
    def verdict(each: Target) -> str:
        return {None: "— not measured", True: "✓ met", False: "✗ **missed**"}[each.is_met]

    return _table(
        "目标 / Targets",
        ("目标 / target", "要求 / wanted", "实测 / measured", ""),
        [
            (e.name, e.limit, "—" if e.figure is None else f"{e.figure:,.2f}", verdict(e))
            for e in found
        ],
    )


def _rates(repetitions: Sequence[Repetition]) -> str:
    rows = []
    for what, label in LABELS.items():
        rates = column(repetitions, what)
        if not rates:
            continue
        compared = ratios(repetitions, what, ANCHOR)
        versus = _told(spread(compared), "{:.2f}") if compared else "—"
        relayed = column(repetitions, what, "relayed_rate")
        rows.append(
            (
                label,
                _told(spread(rates), "{:,.0f}"),
                versus,
                f"{spread(relayed).median:,.0f}" if relayed else "",
            )
        )
    if not rows:
        return ""
    header = ("", "每秒 / a second", "÷ dramatiq", "含转发 / until relayed")
    return _table("速度 / Rates", header, rows)


def _cpu(repetitions: Sequence[Repetition]) -> str:
    measured = [
        what for what in LABELS if any(_cpu_names(one.get(what, {})) for one in repetitions)
    ]
    names = dict.fromkeys(
        name for one in repetitions for what in measured for name in _cpu_names(one.get(what, {}))
    )
    if not names:
        return ""
    rows = [
        (
            name.removeprefix(_CPU),
            *(_median_of(repetitions, what, name) for what in measured),
        )
        for name in names
    ]
    title = "每个事件的 CPU 微秒 / CPU µs of each event"
    return _table(title, ("进程 / process", *measured), rows)


def _cpu_names(figures: Mapping[str, float]) -> list[str]:
    return [name for name in figures if name.startswith(_CPU)]


def _latency(rest: AtRest) -> str:
    rows = [
        (
            f"{door} → {name}",
            *(f"{each[f'{name}_{label}_ms']:,.1f}" for label in ("p50", "p99", "max")),
        )
        for door, each in rest.latency.items()
        for name in ("credited", "noticed")
    ]
    http = rest.http
    table = _table("空闲延迟，毫秒 / Idle latency, ms", ("", "p50", "p99", "max"), rows)
    return (
        f"{table}\nPOST /events: {http['rate']:,.0f}/s, p50 {http['p50_ms']:,.1f} ms,"
        f" p99 {http['p99_ms']:,.1f} ms.\n"
    )


def _memory(rest: AtRest) -> str:
    rows = [
        (name, f"{each['rss']:,.0f}", f"{each['pss']:,.0f}") for name, each in rest.memory.items()
    ]
    total = rest.memory_ours
    rows.append(("**我们的合计 / all of ours**", f"{total['rss']:,.0f}", f"{total['pss']:,.0f}"))
    header = ("进程 / process", "RSS", "PSS")
    return _table("静止时内存，MiB / Memory at rest, MiB", header, rows)


def _told(of: Spread, form: str) -> str:
    middle, low, high = (form.format(value) for value in (of.median, of.low, of.high))
    return f"{middle} ({low}–{high})"


def _median_of(repetitions: Sequence[Repetition], what: str, name: str) -> str:
    values = column(repetitions, what, name)
    return f"{spread(values).median:,.0f}" if values else "—"


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    line: Callable[[Sequence[str]], str] = lambda cells: f"| {' | '.join(cells)} |"  # noqa: E731
    ruler = line(["---"] * len(header))
    return "\n".join([f"## {title}\n", line(header), ruler, *(line(row) for row in rows), ""])
