"""The order of a run: repetitions in which everything has its turn."""

from __future__ import annotations

from collections.abc import Callable, Collection

from deploy.bench import anchors, district
from deploy.bench.hops import RELAYED_AT_MOST, gate_rate, points_rate
from deploy.bench.sizes import Sizes
from deploy.bench.stage import Say, Stage
from deploy.bench.walk import walk_rate

PARTNERS_BATCH = 50

Figures = dict[str, float]
Step = Callable[[str], Figures]  # takes the tag of its events


class Course:
    """Everything that is measured again and again."""

    def __init__(self, stage: Stage, invention: district.Invention, sizes: Sizes) -> None:
        self._stage = stage
        self._invention = invention
        self._sizes = sizes
        self._bodies: list[str] = []

    def steps(self) -> dict[str, Step]:
        """What is measured, by name: anchors and our own in turns."""
        stage, made, sizes = self._stage, self._invention, self._sizes
        return {
            "dramatiq": lambda _: anchors.dramatiq_rate(stage, "classic", sizes.dramatiq),
            "points": lambda tag: points_rate(
                stage, made, tag, sizes.points, packed=RELAYED_AT_MOST
            ),
            "walk": lambda tag: walk_rate(stage, made, tag, sizes.walk),
            "pgbench_1": lambda _: anchors.pgbench_rate(stage, 1, sizes.pgbench_s),
            "gate": lambda tag: gate_rate(stage, made, tag, sizes.gate),
            "pika": lambda _: anchors.pika_rate(stage, self._pika_bodies()),
            "points_single": lambda tag: points_rate(
                stage, made, tag, sizes.points_single, packed=1
            ),
            "pgbench_50": lambda _: anchors.pgbench_rate(stage, 50, sizes.pgbench_s),
            "walk_batched": lambda tag: walk_rate(
                stage, made, tag, sizes.walk_batched, batch=PARTNERS_BATCH
            ),
            "dramatiq_quorum": lambda _: anchors.dramatiq_rate(
                stage, "quorum", sizes.dramatiq_quorum
            ),
        }

    def warm_up(self) -> None:
        """Open every resident's accounts, fill caches; none of it is counted."""
        walk_rate(self._stage, self._invention, "warm", self._sizes.warm_up)

    def run(self, only: Collection[str], say: Say) -> list[dict[str, Figures]]:
        """All repetitions; every second one goes backwards, so a steady drift cancels."""
        steps = {name: step for name, step in self.steps().items() if not only or name in only}
        if {"pgbench_1", "pgbench_50"} & steps.keys():
            anchors.prepare_pgbench(self._stage)
        repetitions = []
        for number in range(1, self._sizes.repetitions + 1):
            say(f"第 {number} 次 / repetition {number} of {self._sizes.repetitions}")
            order = list(steps) if number % 2 else list(reversed(steps))
            found = {}
            for name in order:
                found[name] = steps[name](f"{name.replace('_', '')}{number}")
                say(f"  {name}: {found[name]['rate']:,.0f}/s")
            repetitions.append({name: found[name] for name in steps})
        return repetitions

    def _pika_bodies(self) -> list[str]:
        if not self._bodies:
            made = self._invention.activities("pika", self._sizes.pika)
            self._bodies = [district.wire_event(*each) for each in made]
        return self._bodies
