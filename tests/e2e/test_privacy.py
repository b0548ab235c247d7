"""Whose name and number it is stays in two tables, sealed: in no event, no log and no other table.

A month is played and, behind it, what partners write by mistake: names and numbers where none
belong, in events that are refused. Then everything is searched for every resident.
"""

from __future__ import annotations

import csv
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pika
import psycopg
import pytest
from psycopg import sql

from deploy.month import credentials
from deploy.month.door_http import Caller, verdicts_in
from deploy.month.outcome import SERVICES
from tests.e2e.district import District, visiting
from tests.e2e.months import marked_month

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Where a person's contact data may be, sealed; and columns whose names only sound like it.
CONTACTS = {
    ("intake", "residents", "name_sealed"),
    ("intake", "residents", "phone_sealed"),
    ("intake", "residents", "phone_index"),
    ("intake", "request_contacts", "phone_index"),  # of whoever the register does not know
    ("notify", "address_book", "name"),
    ("notify", "address_book", "phone"),
    ("notify", "address_book", "phone_index"),
}
OTHER_NAMES = {
    ("intake", "residents", "birth_year"),  # a year, and only in the register
    ("intake", "areas", "name"),
    ("intake", "partners", "name"),
    ("intake", "buildings", "address"),
    *(("intake", "calendar_days", each) for each in ("name_zh", "name_en")),
    *(("intake", "hall_matters", each) for each in ("name_zh", "name_en")),
    *(("intake", "units", each) for each in ("name", "name_en")),
    *(("intake", "board_groups", each) for each in ("name", "name_en")),
    *(("intake", "patrol_spots", each) for each in ("name", "address")),
    ("intake", "patrol_routes", "name"),
    ("intake", "open311_keys", "name"),  # of a client's system
    ("intake", "open311_trials", "address"),
    ("intake", "requests", "address"),  # where it is, as people wrote it; ends with retention
    ("intake", "attachments", "name"),  # of a file, as people wrote it; ends with retention
    *(("intake", "request_facts", each) for each in ("contacted_at", "contact_due_at")),
    ("intake", "accounts", "username"),
    ("intake", "accounts", "display_name"),
    ("partners", "organisations", "name"),
    ("points", "declared_rules", "name"),
    ("points", "time_bank_peer_changes", "name"),  # of another district
    ("points", "certificate_offices", "contact"),  # of the office that certifies
}
_SOUNDS_PERSONAL = re.compile(r"name|phone|mobile|contact|address|birth|id_?card|email")
_MOBILE = re.compile(r"(?<![0-9a-f.-])1[3-9]\d{9}(?![0-9a-f-])")


class Tap(threading.Thread):
    """Keeps every message that passes the exchange of events."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, "linli.events", "#")
        self._stopping = threading.Event()
        self.heard: list[tuple[str, str]] = []

    def run(self) -> None:
        for method, properties, body in self._channel.consume(
            self._queue, auto_ack=True, inactivity_timeout=0.2
        ):
            if method is not None:
                self.heard.append((method.routing_key, f"{properties}{body.decode()}"))
            elif self._stopping.is_set():
                break
        self._connection.close()

    def stop(self) -> None:
        self._stopping.set()
        self.join(60)


@dataclass
class Traces:
    """What a month left behind: text by where it lies, and whom to search for."""

    tables: dict[tuple[str, str], str]
    columns: set[tuple[str, str, str]]
    logs: dict[str, str]
    messages: list[tuple[str, str]]
    names: list[str]
    phones: list[str]


@pytest.fixture(scope="module")
def traces(
    service_stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traces]:
    directory = tmp_path_factory.mktemp("privacy")
    month = marked_month(directory / "month", seed=81, sends=200, barriers=1)
    with (month / "residents.csv").open(encoding="utf-8", newline="") as file:
        residents = list(csv.DictReader(file))
    with visiting(directory / "run") as district:
        tap = Tap(district.settings["LINLI_BROKER_URL"])
        tap.start()
        played = district.play(month)
        played.assert_right()
        _write_by_mistake(district, month, residents[0]["name"], residents[0]["phone"])
        tap.stop()
        district.stop(*district.pids())
        tables = {
            (service, table): _dump(district, service, table)
            for service in SERVICES
            for table in _tables(district, service)
        }
        yield Traces(
            tables,
            {each for service in SERVICES for each in _columns(district, service)},
            district.logs(),
            tap.heard,
            [each["name"] for each in residents],
            [each["phone"] for each in residents],
        )


def _write_by_mistake(district: District, month: Path, name: str, phone: str) -> None:
    """All of it is refused, so nothing of it may be kept in plain text."""
    partner = json.loads((month / "partners.json").read_text(encoding="utf-8"))[0]
    key = credentials.read(district.keys)[partner["slug"]].api_key
    event = {
        "specversion": "1.0",
        "id": "mistake",
        "source": f"/partners/{partner['slug']}/{partner['system']}",
        "type": "linli.activity.attended.v1",
        "time": f"{partner['agreement']['from']}T04:00:00Z",
        "data": {
            "activity_code": name,
            "activity_kind": name,
            "resident_no": phone,
            "checked_in_at": name,
            "checked_out_at": phone,
            "evidence": phone,
        },
    }
    bodies = [
        json.dumps(event, ensure_ascii=False),
        json.dumps({**event, "time": phone}, ensure_ascii=False),
        json.dumps({**event, "specversion": name}, ensure_ascii=False),
        json.dumps({**event, "data": f"{name} {phone}"}, ensure_ascii=False),
        f'{{"name": "{name}", "phone": "{phone}"',
        f"{name},{phone}",
    ]
    caller = Caller(district.base_url)
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/cloudevents+json",
        "User-Agent": f"desk of {phone}",
    }
    for body in bodies:
        status, _, answer = caller.call("POST", "/events", headers, body.encode())
        assert status == 202
        assert [each["verdict"] for each in verdicts_in(answer)] == ["rejected"]
    for path in (f"/residents?q={phone}", f"/events/{phone}/{phone}", f"/requests?q={phone}"):
        caller.call("GET", path, headers)
    caller.close()


def _tables(district: District, service: str) -> list[str]:
    return [
        row[0]
        for row in district.rows(
            service, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
    ]


def _columns(district: District, service: str) -> set[tuple[str, str, str]]:
    found = district.rows(
        service,
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public'",
    )
    return {(service, table, column) for table, column in found}


def _dump(district: District, service: str, table: str) -> str:
    parts: list[bytes] = []
    with district.connect(service) as connection, connection.cursor() as cursor:
        statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
        try:
            with cursor.copy(statement) as copy:
                parts.extend(bytes(part) for part in copy)
        except psycopg.errors.WrongObjectType:  # a partitioned table: its parts are listed too
            return ""
    return b"".join(parts).decode()


def ways_to_write(text: str) -> set[str]:
    """As it is, as JSON escapes it, and as the database writes bytes."""
    return {text, json.dumps(text)[1:-1], text.encode().hex()}


def found_in(text: str, traces: Traces) -> set[str]:
    wanted = {each for whose in (*traces.names, *traces.phones) for each in ways_to_write(whose)}
    return {each for each in wanted if each in text}


def test_there_was_something_to_find(traces: Traces) -> None:
    assert len(traces.names) == len(traces.phones) == 80
    assert len(traces.tables["intake", "residents"].splitlines()) == 80
    assert len(traces.tables["notify", "address_book"].splitlines()) == 80
    assert len(traces.tables["intake", "rejected_bodies"].splitlines()) > 6
    assert {"linli.resident.registered.v1", "linli.points.credited.v1"} <= {
        kind for kind, _ in traces.messages
    }
    assert sum(len(text) for text in traces.logs.values()) > 1000


def test_no_table_has_a_resident_in_plain_text(traces: Traces) -> None:
    found = {place: found_in(text, traces) for place, text in traces.tables.items()}
    assert {place: who for place, who in found.items() if who} == {}


def test_contacts_are_where_we_say_and_nowhere_else(traces: Traces) -> None:
    personal = {each for each in traces.columns if _SOUNDS_PERSONAL.search(each[2])}
    assert personal - OTHER_NAMES == CONTACTS


def test_no_event_has_a_resident_in_plain_text(traces: Traces) -> None:
    found = [(kind, found_in(text, traces)) for kind, text in traces.messages]
    assert [(kind, who) for kind, who in found if who] == []


def test_no_log_has_a_resident_or_any_mobile_number(traces: Traces) -> None:
    found = {name: found_in(text, traces) for name, text in traces.logs.items()}
    assert {name: who for name, who in found.items() if who} == {}
    numbers = {name: _MOBILE.findall(text) for name, text in traces.logs.items()}
    assert {name: seen for name, seen in numbers.items() if seen} == {}
