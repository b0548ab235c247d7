"""`make bench`: measure everything in one run and write it down."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

import orjson

from deploy.bench import (
    expiring,
    facts,
    growth,
    open311,
    proving,
    register,
    report,
    requests,
    resting,
)
from deploy.bench.course import Course
from deploy.bench.district import Invention, residents
from deploy.bench.sizes import DEFAULT, QUICK, Sizes
from deploy.bench.stage import Stage
from deploy.local.processes import StackError
from deploy.local.stack import ROOT
from deploy.postgres.bootstrap import BootstrapError
from shared import clock
from shared.errors import LinliError

REST = "rest"
GROWTH = "growth"
EXPIRY = "expiry"
PROOF = "proof"
REGISTER = "register"
REQUESTS = "requests"
OPEN311 = "open311"
APART = {
    REST,
    GROWTH,
    EXPIRY,
    PROOF,
    REGISTER,
    REQUESTS,
    OPEN311,
}  # measured once, after the repetitions
_STARTED = time.monotonic()


def say(text: str) -> None:
    """One step, with the seconds since the start."""
    print(f"[{time.monotonic() - _STARTED:5.1f} s] {text}", flush=True)


def measure(sizes: Sizes, only: set[str], output: Path) -> None:
    """A whole run; raises StackError, CountWrong or LinliError when it is worth nothing."""
    started = f"{clock.now():%Y%m%dT%H%M%SZ}"
    with Stage(say) as stage:
        machine = facts.collect(stage)
        if facts.is_busy(machine):
            say("注意：机器很忙，结果会偏低 / mind: the machine is busy, figures will be too low")
        invention = Invention(residents(stage.data))
        course = Course(stage, invention, sizes)
        wanted = {each for each in APART if not only or each in only}
        if GROWTH in wanted:
            growth.prepare(stage)
        if EXPIRY in wanted:
            expiring.prepare(stage)
        if PROOF in wanted:
            proving.prepare(stage)
        if REGISTER in wanted:
            register.prepare(stage)
        if REQUESTS in wanted:
            requests.prepare(stage)
        repetitions = []
        if not only or only - APART:
            say("预热 / warming up")
            course.warm_up()
            repetitions = course.run(only - APART, say)
            stage.check_books(stage.settings)
        grown = growth.measure(stage, sizes, say) if GROWTH in wanted else None
        ended = expiring.measure(stage, sizes, say) if EXPIRY in wanted else None
        proved = proving.measure(stage, sizes, say) if PROOF in wanted else None
        found_people = register.measure(stage, sizes, say) if REGISTER in wanted else None
        listed = requests.measure(stage, sizes, say) if REQUESTS in wanted else None
        posted = open311.measure(stage, sizes, say) if OPEN311 in wanted else None
        rest = resting.measure(stage, invention, sizes, say) if REST in wanted else None
        say("正在停止 / stopping")
    found = report.Found(repetitions, rest, grown, ended, proved, found_people, listed, posted)
    table = report.markdown(started, machine, found)
    record = report.record(started, sizes.told(), machine, found)
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{started}.md").write_text(table, encoding="utf-8")
    (output / f"{started}.json").write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))
    print(f"\n{table}")
    say(f"已写入 / written: {output / started}.json, .md")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point; 0 even when a target is missed, 1 when a count or a process went wrong."""
    parser = argparse.ArgumentParser(prog="python -m deploy.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="小规模，3 次 / small sizes, 3 times")
    parser.add_argument("--repetitions", type=int, help="次数 / how many repetitions")
    parser.add_argument(
        "--only",
        default="",
        help=f"只测这些，逗号分隔 / only these, by commas: {','.join([*report.LABELS, *sorted(APART)])}",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "bench-results")
    options = parser.parse_args()
    only = {name for name in options.only.split(",") if name}
    if unknown := only - {*report.LABELS, *APART}:
        parser.error(f"没有这一项 / no such figure: {', '.join(sorted(unknown))}")
    sizes = QUICK if options.quick else DEFAULT
    if options.repetitions:
        sizes = replace(sizes, repetitions=options.repetitions)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        measure(sizes, only, options.output)
    except KeyboardInterrupt:
        sys.exit(130)
    except (StackError, BootstrapError) as problem:
        sys.exit(str(problem))
    except LinliError as problem:
        sys.exit(f"{problem.zh} / {problem.en}")


if __name__ == "__main__":
    main()
