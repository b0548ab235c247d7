"""What an operator does in the middle of a month costs nothing: stop, drain, deploy, suspend."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from deploy.local.processes import until
from deploy.month import credentials
from deploy.month.tally import Tally
from services.partners.config import read_worker_settings
from services.partners.tasks import suspend
from services.partners.worker import make_broker
from shared.db.session import make_engine, make_sessions
from tests.e2e.district import WEB, WORKERS, District, seconds_to_end, visiting
from tests.e2e.months import paced_month

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

END_WITHIN_S = 15.0
STRUCTURED = "application/cloudevents+json"


@pytest.fixture
def district(service_stack: dict[str, str], tmp_path: Path) -> Iterator[District]:
    with visiting(tmp_path / "run") as district:
        yield district


@pytest.fixture
def month(tmp_path: Path) -> Path:
    return paced_month(tmp_path / "month", seed=61, sends=500, pace=100)


def test_workers_stopped_and_replaced_under_load(district: District, month: Path) -> None:
    """One is away for half the month; each of the others, and the web, is replaced by SIGTERM."""
    took_s: dict[str, float] = {}

    def replaced(name: str) -> Callable[[], None]:
        def do() -> None:
            took_s[name] = seconds_to_end(district.ask_to_stop(name), END_WITHIN_S)
            district.start(name)

        return do

    due: list[tuple[int, Callable[[], None]]] = [
        (60, lambda: district.stop("worker-points")),
        *((90 + 30 * place, replaced(name)) for place, name in enumerate(_others())),
        (240, lambda: district.start("worker-points")),
    ]

    def during(tally: Tally) -> None:
        if due and tally.handed >= due[0][0]:
            due.pop(0)[1]()

    def finish() -> None:
        assert district.rows("points", "SELECT count(*) FROM awards")[0][0] > 0
        for _, act in due:
            act()

    played = district.play(month, during=during, finish=finish, crashes=True)
    assert sorted(took_s) == sorted(_others())
    assert max(took_s.values()) < END_WITHIN_S, took_s
    played.assert_right()
    assert district.deaths == []
    district.assert_books_sound()


def _others() -> list[str]:
    return [*(name for name in WORKERS if name != "worker-points"), WEB]


class Stream(threading.Thread):
    """A partner that publishes request after request, each awaited, until it is cut off."""

    def __init__(self, district: District, month: Path, place: int) -> None:
        super().__init__(daemon=True)
        partner = json.loads((month / "partners.json").read_text(encoding="utf-8"))[place]
        self.slug: str = partner["slug"]
        self._partner = partner
        own = pika.URLParameters(district.settings["LINLI_PARTNER_BROKER_URL"])
        password = credentials.read(district.keys)[self.slug].amqp_password
        own.credentials = pika.PlainCredentials(self.slug, password)
        self._connection = pika.BlockingConnection(own)
        self.confirmed: list[str] = []
        self.cut_off = False
        self.stopping = threading.Event()

    def run(self) -> None:
        channel = self._connection.channel()
        channel.confirm_delivery()
        try:
            while not self.stopping.is_set():
                event = self._event(f"stream-{len(self.confirmed)}")
                channel.basic_publish(
                    f"in.{self.slug}",
                    "",
                    json.dumps(event).encode(),
                    pika.BasicProperties(content_type=STRUCTURED),
                    mandatory=True,
                )
                self.confirmed.append(event["id"])
            self._connection.close()
        except pika.exceptions.AMQPError:
            self.cut_off = True

    def _event(self, event_id: str) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": event_id,
            "source": f"/partners/{self.slug}/{self._partner['system']}",
            "type": "linli.request.submitted.v1",
            "time": f"{self._partner['agreement']['from']}T04:00:00Z",
            "data": {
                "title": "路灯不亮",
                "description": "请处理",
                "category": "light",
                "resident_no": None,
                "grid_code": "990201001001001",
                "urgency": "normal",
            },
        }


def test_a_partner_suspended_in_the_middle_of_its_stream(district: District, month: Path) -> None:
    """It is cut off within seconds; all that was confirmed has a verdict; another flows on."""
    district.load(month)
    suspended, other = Stream(district, month, 0), Stream(district, month, 1)
    for stream in (suspended, other):
        stream.start()
    assert until(lambda: len(suspended.confirmed) > 50, 90.0)
    engine = make_engine(
        district.settings["PARTNERS_DATABASE_URL"], pool_size=1, application="test"
    )
    broker = make_broker(read_worker_settings(district.settings))
    suspend(make_sessions(engine), broker, suspended.slug, reason="test", by="test")
    engine.dispose()
    suspended.join(60.0)
    assert suspended.cut_off
    before = len(other.confirmed)
    assert until(lambda: len(other.confirmed) > before + 50, 90.0)
    other.stopping.set()
    other.join(60.0)
    assert not other.cut_off
    for stream in (suspended, other):
        assert until(lambda stream=stream: _judged(district, stream) >= set(stream.confirmed), 90.0)
    assert _verdicts(district, other) == {"accepted"}
    assert _verdicts(district, suspended) <= {"accepted", "rejected:agreement_inactive"}
    with pytest.raises(pika.exceptions.AMQPError):
        Stream(district, month, 0)
    _assert_quiet(district)


def _judged(district: District, stream: Stream) -> set[str]:
    return {row[0] for row in _rows(district, stream)}


def _verdicts(district: District, stream: Stream) -> set[str]:
    return {row[1] for row in _rows(district, stream)}


def _rows(district: District, stream: Stream) -> list[tuple[Any, ...]]:
    return district.rows(
        "intake",
        "SELECT event_id, CASE verdict WHEN 'rejected' THEN 'rejected:' || reason ELSE verdict END"
        " FROM verdicts WHERE partner = %s AND event_id LIKE 'stream-%%'",
        stream.slug,
    )


def _assert_quiet(district: District) -> None:
    """Nothing is left in an outbox or among the dead letters."""
    for service in ("intake", "points", "partners", "notify"):

        def empty(service: Any = service) -> bool:
            district.watch()
            return district.rows(service, "SELECT 1 FROM outbox LIMIT 1") == []

        assert until(empty, 90.0), service
        assert district.rows(service, "SELECT 1 FROM dead_letters WHERE state = 'open'") == []
