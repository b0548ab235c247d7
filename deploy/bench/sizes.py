"""How much is measured: the default run, and a quick one to try things out."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Counts are messages or events of one repetition; seconds where it says so."""

    repetitions: int = 5
    warm_up: int = 3000
    dramatiq: int = 20_000
    dramatiq_quorum: int = 10_000
    pika: int = 20_000
    pgbench_s: int = 10
    gate: int = 10_000
    points: int = 20_000
    points_single: int = 5000
    walk: int = 10_000
    walk_batched: int = 10_000
    latency: int = 250
    latency_pause_s: float = 0.1
    http: int = 2000
    http_clients: int = 8
    steady: int = 2000
    steady_rate: int = 100
    rest_s: float = 10.0
    growth: tuple[int, ...] = (10_000, 100_000, 1_000_000, 5_000_000)
    growth_awards: int = 4000
    growth_turns: int = 5
    growth_pages: int = 500
    expiring: int = 1_000_000
    proving: int = 1_000_000
    register: int = 200_000
    open311: int = 6000
    open311_clients: int = 32
    requests: int = 1_000_000
    request_pages: int = 60

    def told(self) -> dict[str, object]:
        """For the record."""
        return asdict(self)


DEFAULT = Sizes()
QUICK = Sizes(
    repetitions=3,
    warm_up=1000,
    dramatiq=4000,
    dramatiq_quorum=3000,
    pika=4000,
    pgbench_s=2,
    gate=3000,
    points=4000,
    points_single=1000,
    walk=3000,
    walk_batched=3000,
    latency=50,
    http=300,
    steady=300,
    growth=(10_000, 100_000),
    growth_awards=1600,
    growth_turns=3,
    growth_pages=100,
    expiring=100_000,
    proving=100_000,
    register=20_000,
    open311=1500,
    requests=100_000,
    request_pages=10,
    rest_s=3.0,
)
