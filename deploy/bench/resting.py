"""What is measured on the whole installation: idle latency, the HTTP door, memory at rest."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

from deploy.bench.counting import AWARDS, CONTRIBUTIONS, NOTICES, VERDICTS, Ledgers
from deploy.bench.district import PARTNERS, Invention, wire_event
from deploy.bench.installed import Installed, installed, ours
from deploy.bench.latency import AmqpPartner, Listener, send_all, tell
from deploy.bench.partner_http import Client, door_rate, post_steadily
from deploy.bench.shipping import by_partner, partner_url, ship
from deploy.bench.sizes import Sizes
from deploy.bench.stage import Say, Stage
from deploy.local.stack import LocalStack
from shared.ids import uuid7_at

QUIET_S = 2.0
MIB = 1024 * 1024


@dataclass
class AtRest:
    """Figures of the whole installation; memory in MiB."""

    latency: dict[str, dict[str, float]] = field(default_factory=dict)
    http: dict[str, float] = field(default_factory=dict)
    steady: dict[str, float] = field(default_factory=dict)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)
    memory_ours: dict[str, float] = field(default_factory=dict)


class _Session:
    def __init__(self, stage: Stage, here: Installed, invention: Invention) -> None:
        self.stage, self.here, self.invention = stage, here, invention
        self.ledgers = Ledgers(LocalStack(stage.directory))
        self.web = here.settings["LINLI_PUBLIC_URL"]
        self.amqp = here.settings["LINLI_PARTNER_BROKER_URL"]

    def settle(self, tag: str, count: int, mark_s: float) -> None:
        """Until all of a tag has its notice, each exactly once."""
        mark = uuid7_at(mark_s)
        self.stage.wait(lambda: self.ledgers.progress(NOTICES, mark), count, watch=self.here.watch)
        for place in (VERDICTS, CONTRIBUTIONS, AWARDS, NOTICES):
            self.ledgers.check(place, tag, count)

    def events(self, tag: str, count: int) -> list[tuple[str, str, str]]:
        """(partner, code, event)."""
        return [
            (partner, code, wire_event(partner, code, data))
            for partner, code, data in self.invention.activities(tag, count)
        ]


def measure(stage: Stage, invention: Invention, sizes: Sizes, say: Say) -> AtRest:
    """Start everything as `make run` does and measure it."""
    found = AtRest()
    say("整套系统 / the whole installation")
    with installed(stage) as here:
        session = _Session(stage, here, invention)
        try:
            _warm_up(session, sizes)
            _latency(session, sizes, say, found)
            _http(session, sizes, say, found)
            _steady(session, sizes, say, found)
            _memory(session, sizes, say, found)
            stage.check_books(here.settings)
        finally:
            session.ledgers.close()
    return found


def _warm_up(session: _Session, sizes: Sizes) -> None:
    begun = time.time()
    sent = [(partner, event) for partner, _, event in session.events("warm2", sizes.warm_up)]
    ship(by_partner(session.amqp, session.stage.credentials, sent))
    session.settle("warm2", sizes.warm_up, begun)


def _latency(session: _Session, sizes: Sizes, say: Say, found: AtRest) -> None:
    slug = PARTNERS[0]
    credential = session.stage.credentials[slug]
    url = session.here.settings["POINTS_DATABASE_URL"]
    for door in ("amqp", "http"):
        tag = f"idle{door}"
        chosen = [e for e in session.events(tag, sizes.latency * len(PARTNERS)) if e[0] == slug]
        events = {code: event for _, code, event in chosen}
        time.sleep(QUIET_S)
        begun = time.time()
        with Listener(url) as listener:
            if door == "amqp":
                partner = AmqpPartner(
                    partner_url(session.amqp, slug, session.stage.credentials), slug
                )
                sent_at = send_all(partner.send, partner.pause, events, sizes.latency_pause_s)
                partner.close()
            else:
                client = Client(session.web)
                post = partial(client.post, credential.api_key)
                sent_at = send_all(post, time.sleep, events, sizes.latency_pause_s)
                client.close()
            session.settle(tag, len(events), begun)
        found.latency[door] = tell(session.ledgers, listener, tag, sent_at)
        say(f"  空闲延迟 / idle latency {door}: {_brief(found.latency[door])}")


def _http(session: _Session, sizes: Sizes, say: Say, found: AtRest) -> None:
    sent = [(partner, event) for partner, _, event in session.events("door", sizes.http)]
    begun = time.time()
    found.http = door_rate(session.web, session.stage.credentials, sent, sizes.http_clients)
    session.settle("door", sizes.http, begun)
    say(f"  HTTP: {_brief(found.http)}")


def _steady(session: _Session, sizes: Sizes, say: Say, found: AtRest) -> None:
    """So many single awards a second through the HTTP door, however long each takes."""
    made = session.events("steady", sizes.steady)
    url = session.here.settings["POINTS_DATABASE_URL"]
    time.sleep(QUIET_S)
    begun = time.time()
    with Listener(url) as listener:
        due_at = post_steadily(
            session.web, session.stage.credentials, made, sizes.steady_rate, sizes.http_clients
        )
        session.settle("steady", sizes.steady, begun)
    found.steady = tell(session.ledgers, listener, "steady", due_at)
    say(f"  HTTP, {sizes.steady_rate}/s: {_brief(found.steady)}")


def _memory(session: _Session, sizes: Sizes, say: Say, found: AtRest) -> None:
    time.sleep(sizes.rest_s)
    told = session.here.memory()
    found.memory = {
        name: {kind: value / MIB for kind, value in each.items()} for name, each in told.items()
    }
    found.memory_ours = {
        kind: sum(each[kind] for each in ours(told).values()) / MIB for kind in ("rss", "pss")
    }
    say(f"  内存 / memory of ours, MiB: {_brief(found.memory_ours)}")


def _brief(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:,.1f}" for name, value in figures.items())
