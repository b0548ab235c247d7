"""The record of a run as JSON, and the table that people read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deploy.bench.expiring import Ended
from deploy.bench.figures import Repetition, Spread, column, ratios, spread
from deploy.bench.growth import Growth
from deploy.bench.open311 import Posted
from deploy.bench.proving import Proved
from deploy.bench.register import Found as FoundPeople
from deploy.bench.requests import Lists
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


@dataclass(frozen=True, slots=True)
class Found:
    """What a run measured; None is what was not asked for."""

    repetitions: Sequence[Repetition]
    rest: AtRest | None
    grown: Growth | None
    ended: Ended | None = None
    proved: Proved | None = None
    people: FoundPeople | None = None
    lists: Lists | None = None
    posted: Posted | None = None


def targets(found: Found) -> list[Target]:
    """The project's targets beside the medians of this run."""
    ended = found.ended.seconds if found.ended else None
    proved = found.proved
    return [
        *_of_speed(found.repetitions, found.rest),
        *_of_growth(found.grown),
        _at_most("lots ended (1,000,000 by default), seconds", ended, 60),
        _at_most("entries sealed (the same), seconds", proved.sealing_s if proved else None, 30),
        _at_most("entries verified, seconds", proved.verifying_s if proved else None, 30),
        _at_most(
            "finding a resident (of 200,000 by default), p99 of the slowest way, ms",
            max(found.people.p99_ms.values()) if found.people else None,
            100,
        ),
        _at_most(
            "page of the list of requests (1,000,000 by default), p99, ms",
            found.lists.all_ms["p99"] if found.lists else None,
            80,
        ),
        _at_most(
            "board of a month (100,000 requests by default), seconds",
            found.lists.board_s["p50"] if found.lists else None,
            1,
        ),
        _at_least(
            "requests through Open311 POST, two web processes, a second",
            [found.posted.rate] if found.posted else [],
            300,
        ),
    ]


def _of_growth(grown: Growth | None) -> list[Target]:
    costs = list(grown.award_us.values()) if grown else []
    over = grown.transfers_over_tpcb if grown else []
    pages = grown.pages_ms if grown else {}
    entries = f"{grown.pages_entries:,}" if grown else "5,000,000"
    return [
        _at_least("transfers posted in batches / TPC-B transactions (scale 1)", over, 4.0),
        _at_most(
            f"cost of an award at {entries} entries / at the fewest",
            costs[-1] / costs[0] if costs else None,
            1.2,
        ),
        _at_most(f"passbook page p99 at {entries} entries, ms", pages.get("p99"), 60),
    ]


def _of_speed(repetitions: Sequence[Repetition], rest: AtRest | None) -> list[Target]:
    found = [
        _at_least("points hop / dramatiq no-op", ratios(repetitions, "points", ANCHOR), 2.0),
        _at_least("whole walk / dramatiq no-op", ratios(repetitions, "walk", ANCHOR), 1.0),
    ]
    latency, memory = (rest.latency, rest.memory_ours) if rest else ({}, {})
    for door in ("amqp", "http"):
        p99_ms = latency.get(door, {}).get("credited_p99_ms")
        found.append(_at_most(f"idle publish → credited p99, {door}, ms", p99_ms, 150))
    steady = rest.steady if rest else {}
    found.append(
        _at_most("publish → credited p99 by HTTP at 100/s, ms", steady.get("credited_p99_ms"), 150)
    )
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
    found: Found,
) -> dict[str, Any]:
    """Everything, raw, and the targets."""
    return {
        "started": started,
        "sizes": sizes,
        "machine": facts,
        "repetitions": found.repetitions,
        "growth": _written(found.grown) if found.grown else None,
        "expiry": asdict(found.ended) if found.ended else None,
        "proof": asdict(found.proved) if found.proved else None,
        "register": asdict(found.people) if found.people else None,
        "requests": asdict(found.lists) if found.lists else None,
        "open311": asdict(found.posted) if found.posted else None,
        "at_rest": asdict(found.rest) if found.rest else None,
        "targets": [asdict(each) for each in targets(found)],
    }


def markdown(
    started: str,
    facts: Mapping[str, object],
    found: Found,
) -> str:
    """The table."""
    repetitions, rest = found.repetitions, found.rest
    machine = ", ".join(f"{name} {value}" for name, value in facts.items())
    parts = [
        f"# Bench {started}\n\n{machine}.\n\n"
        f"{len(repetitions)} 次交替重复：中位数（最小–最大）；比值在同一次重复内计算。"
        f" / {len(repetitions)} interleaved repetitions: median (min–max); ratios are made within"
        " a repetition.\n",
        _targets(targets(found)),
        _rates(repetitions),
        _cpu(repetitions),
    ]
    if found.grown is not None:
        parts.append(_growth(found.grown))
    if found.ended is not None:
        rate = found.ended.lots / found.ended.seconds
        parts.append(f"到期 / {found.ended.lots:,} lots ended: {rate:,.0f}/s.\n")
    if found.proved is not None:
        parts.append(
            f"封存与核验 / {found.proved.entries:,} entries: sealed in"
            f" {found.proved.sealing_s:.1f} s, verified in {found.proved.verifying_s:.1f} s.\n"
        )
    if found.people is not None:
        ways = ", ".join(
            f"{way} {found.people.p50_ms[way]:.1f} / {p99_ms:.1f}"
            for way, p99_ms in found.people.p99_ms.items()
        )
        parts.append(
            f"查找居民 / finding one of {found.people.residents:,} residents (loaded in"
            f" {found.people.loading_s:.0f} s), p50 / p99 ms: {ways}.\n"
        )
    if found.lists is not None:
        parts.append(_lists(found.lists))
    if found.posted is not None:
        posted = found.posted
        parts.append(
            f"Open311 POST: {posted.rate:,.0f}/s, p50 {posted.p50_ms:,.1f} ms,"
            f" p99 {posted.p99_ms:,.1f} ms.\n"
        )
    if rest is not None:
        parts += [_latency(rest), _memory(rest)]
    return "\n".join(part for part in parts if part)


def _lists(lists: Lists) -> str:
    rows = [
        (name, *(f"{times[label]:.1f}" for label in ("p50", "p99", "max")))
        for name, times in lists.pages_ms.items()
    ]
    title = "诉求列表，毫秒 / Pages of requests, ms"
    return (
        _table(title, ("", "p50", "p99", "max"), rows)
        + f"\n看板 / board of {lists.month:,} requests: p50 {lists.board_s['p50']:.2f} s, max"
        f" {lists.board_s['max']:.2f} s; their histories read in {lists.reading_s:.0f} s.\n"
    )


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


def _written(grown: Growth) -> dict[str, Any]:
    # JSON's names are text.
    return {
        name: {str(key): value for key, value in each.items()} if isinstance(each, dict) else each
        for name, each in asdict(grown).items()
    }


def _growth(grown: Growth) -> str:
    rows = [
        (f"{entries:,}", f"{us:,.0f} ({low:,.0f}–{high:,.0f})", "█" * round(us / 10))
        for entries, us in grown.award_us.items()
        for low, high in [grown.award_us_spread[entries]]
    ]
    header = ("流水笔数 / entries", "每次入账微秒 / µs an award", "")
    table = _table("账本变大时 / As the ledger grows", header, rows)
    pages = grown.pages_ms
    told = _told(spread(grown.transfers_over_tpcb), "{:.1f}")
    return (
        f"{table}\n成批记账 / batch posting: {told} × TPC-B. 存折页 / passbook page: p50"
        f" {pages['p50']:.1f} ms, p99 {pages['p99']:.1f} ms, max {pages['max']:.1f} ms.\n"
    )


def _latency(rest: AtRest) -> str:
    rows = [
        (
            f"{door} → {name}",
            *(f"{each[f'{name}_{label}_ms']:,.1f}" for label in ("p50", "p99", "max")),
        )
        for door, each in (rest.latency | {"http, 100/s": rest.steady}).items()
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
