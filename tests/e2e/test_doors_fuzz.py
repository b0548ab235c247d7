"""Whatever comes to a door, it stays open: a verdict or a 4xx, and a good event behind it flows."""

from __future__ import annotations

import http.client
import itertools
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pika
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pika.adapters.blocking_connection import BlockingConnection

from deploy.local.processes import until
from deploy.month import credentials
from deploy.month.door_http import verdicts_in
from tests.e2e.district import District, visiting
from tests.e2e.months import marked_month

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FLOWS_WITHIN_S = 90.0
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NOT_ALL = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@dataclass
class Sender:
    """A partner of the district, with both its doors and a good event for every need."""

    district: District
    slug: str
    source: str
    at: str
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def good(self) -> dict[str, Any]:
        """A request that the gate accepts."""
        return {
            "specversion": "1.0",
            "id": f"good-{next(self._numbers)}",
            "source": self.source,
            "type": "linli.request.submitted.v1",
            "time": self.at,
            "data": {
                "title": "路灯不亮",
                "description": "请处理",
                "category": "light",
                "resident_no": None,
                "grid_code": "990201001001001",
                "urgency": "normal",
            },
        }

    def post(self, headers: dict[str, bytes | str], body: bytes) -> tuple[int, bytes]:
        """One request on a connection of its own; no answer at all is -1."""
        parts = urlsplit(self.district.base_url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        try:
            connection.putrequest("POST", "/events", skip_accept_encoding=True)
            key = credentials.read(self.district.keys)[self.slug].api_key
            connection.putheader("Authorization", f"Bearer {key}")
            connection.putheader("Content-Length", str(len(body)))
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except ConnectionError:  # refused before the body was read
            return -1, b""
        finally:
            connection.close()

    def connect(self) -> BlockingConnection:
        """As its system would."""
        own = pika.URLParameters(self.district.settings["LINLI_PARTNER_BROKER_URL"])
        password = credentials.read(self.district.keys)[self.slug].amqp_password
        own.credentials = pika.PlainCredentials(self.slug, password)
        return BlockingConnection(own)

    def verdicts(self) -> int:
        """How many it has been given."""
        return int(
            self.district.rows(
                "intake", "SELECT count(*) FROM verdicts WHERE partner = %s", self.slug
            )[0][0]
        )

    def verdict_of(self, event_id: str) -> str | None:
        """Of one event."""
        found = self.district.rows(
            "intake",
            "SELECT verdict FROM verdicts WHERE partner = %s AND event_id = %s",
            self.slug,
            event_id,
        )
        return str(found[0][0]) if found else None

    def assert_good_flows(self, channel: Any) -> None:
        """By both doors, within seconds."""
        by_http, by_amqp = self.good(), self.good()
        body = json.dumps(by_amqp).encode()
        channel.basic_publish(
            f"in.{self.slug}", "", body, pika.BasicProperties(content_type=STRUCTURED)
        )
        status, answer = self.post({"Content-Type": STRUCTURED}, json.dumps(by_http).encode())
        assert status == 202, answer
        assert [each["verdict"] for each in verdicts_in(answer)] == ["accepted"]
        assert until(lambda: self.verdict_of(by_amqp["id"]) == "accepted", FLOWS_WITHIN_S), (
            "the consumer of the AMQP door is stuck"
        )


@pytest.fixture(scope="module")
def sender(
    service_stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sender]:
    directory = tmp_path_factory.mktemp("fuzz")
    month = marked_month(directory / "month", seed=71, sends=10, barriers=0)
    partner = json.loads((month / "partners.json").read_text(encoding="utf-8"))[0]
    with visiting(directory / "run") as district:
        district.load(month)
        source = f"/partners/{partner['slug']}/{partner['system']}"
        at = f"{partner['agreement']['from']}T04:00:00Z"
        yield Sender(district, partner["slug"], source, at)


# What is sent.

_texts = st.text(max_size=12) | st.sampled_from(
    ["\x00", "a\x00b", "\ud800", "\udfff x", "\u202e", "１", "  ", "%00", "%ff", "%", "邻" * 90]
)
_numbers = st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**400, 0.5, 1e308, math.nan, math.inf])
_values = st.recursive(
    st.none() | st.booleans() | _numbers | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)
_deep = st.sampled_from([200, 253, 254, 255, 256, 400, 900, 1023, 1024, 1025, 9000])
_names = st.sampled_from(["id", "source", "type", "time", "specversion", "data", "subject", "x"])
_data_names = st.sampled_from(["title", "description", "resident_no", "urgency", "grid_code", "x"])


def _bent(good: dict[str, Any], name: str, value: Any, *, in_data: bool, drop: bool) -> Any:
    """The good event with one thing else, or with one thing less."""
    place = good["data"] if in_data else good
    if drop:
        place.pop(name, None)
    else:
        place[name] = value
    return good


def _nested(good: dict[str, Any], depth: int, *, closed: bool) -> bytes:
    good["data"]["x"] = "HERE"
    brackets = "[" * depth + ("]" * depth if closed else "")
    return json.dumps(good).replace('"HERE"', brackets).encode()


@st.composite
def bodies(draw: st.DrawFn) -> bytes | tuple[Any, ...]:
    """Bytes of any kind; what bends a good event is a recipe, to be cooked with a fresh one."""
    kind = draw(st.sampled_from(["bytes", "json", "bent", "bent", "bent in data", "deep", "many"]))
    if kind == "bytes":
        return draw(st.binary(max_size=60) | st.sampled_from([b"\xef\xbb\xbf{}", b"\xff" * 9]))
    if kind == "json":
        return json.dumps(draw(_values)).encode()
    if kind == "deep":
        return ("deep", draw(_deep), draw(st.booleans()))
    if kind == "many":
        return ("many", draw(st.lists(_values, max_size=4)))
    in_data = kind == "bent in data"
    name = draw(_data_names if in_data else _names)
    return ("bent", name, draw(_values), in_data, draw(st.booleans()))


def cooked(sender: Sender, recipe: bytes | tuple[Any, ...]) -> bytes:
    if isinstance(recipe, bytes):
        return recipe
    if recipe[0] == "deep":
        return _nested(sender.good(), recipe[1], closed=recipe[2])
    if recipe[0] == "many":
        return json.dumps([*recipe[1], sender.good()]).encode()
    _, name, value, in_data, drop = recipe
    return json.dumps(_bent(sender.good(), name, value, in_data=in_data, drop=drop)).encode()


_types = st.sampled_from(
    (
        STRUCTURED,
        STRUCTURED.upper() + "; charset=gbk",
        BATCH,
        "application/json",
        "text/plain",
        "",
        "application/cloudevents+xml",
        ";;;",
        "application/json;\x00",
        "é",
        "x" * 250,
    )
)
_header_values = st.text(
    st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20
) | st.sampled_from(["1.0", "", " ", "%E9%82", "%00", "%zz", "\x00", "\x7f", "é", "a" * 9000])
_ce_names = st.sampled_from(
    [
        "ce-id",
        "CE-ID",
        "ce-source",
        "ce-type",
        "ce-time",
        "ce-specversion",
        "ce-",
        "ce-data",
        "ce-x_y",
        "cloudevents_id",
        "ce-datacontenttype",
        "Accept",
        "Accept-Language",
        "Cookie",
        "traceparent",
        "X-Request-Id",
        "X-Forwarded-For",
        "Expect",
        "Content-Encoding",
    ]
)


@settings(max_examples=120, deadline=None, suppress_health_check=NOT_ALL)
@given(recipe=bodies(), media=_types, extra=st.dictionaries(_ce_names, _header_values, max_size=5))
def _fuzz_http(
    sender: Sender, recipe: bytes | tuple[Any, ...], media: str, extra: dict[str, str]
) -> None:
    headers: dict[str, bytes | str] = {
        name: value.encode("latin-1") for name, value in extra.items()
    }
    headers["Content-Type"] = media.encode("latin-1")
    before = sender.verdicts()
    body = cooked(sender, recipe)
    status, answer = sender.post(headers, body)
    assert status == 202 or status == -1 or 400 <= status < 500, (status, headers, body[:300])
    given_now = sender.verdicts() - before
    if status != 202:
        assert given_now == 0
        return
    told = verdicts_in(answer)
    assert given_now == len(told)
    assert told or json.loads(body) == []


def test_anything_by_http_gets_a_verdict_or_a_4xx(sender: Sender) -> None:
    _fuzz_http(sender)
    with sender.connect() as connection:
        sender.assert_good_flows(connection.channel())


# AMQP: what pika can encode, and what only a client of one's own would send.

_table_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.binary(max_size=8)
    | st.sampled_from([Decimal("1.5"), Decimal("-2147483.648")])
    | st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc-é", max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
_table_names = st.sampled_from(
    [
        "ce-id",
        "CE-ID",
        "ce-source",
        "ce-type",
        "ce-time",
        "ce-specversion",
        "ce-data",
        "ce-",
        "cloudEvents:id",
        "cloudEvents_type",
        "x-death",
        "x-delay",
        "x-stream-offset",
        "traceparent",
    ]
)
_short = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes | tuple[Any, ...], pika.BasicProperties]:
    """A body and properties."""
    properties = pika.BasicProperties(
        content_type=draw(st.none() | _short | _types.map(lambda text: text[:200])),
        content_encoding=draw(st.none() | _short),
        headers=draw(st.dictionaries(_table_names, _table_values, max_size=5)),
        delivery_mode=draw(st.sampled_from([None, 1, 2])),
        priority=draw(st.none() | st.integers(0, 255)),
        correlation_id=draw(st.none() | _short),
        reply_to=draw(st.none() | _short),
        message_id=draw(st.none() | _short),
        timestamp=draw(st.none() | st.integers(0, 2**63)),
        type=draw(st.none() | _short),
        app_id=draw(st.none() | _short),
    )
    return draw(bodies()), properties


@settings(max_examples=25, deadline=None, suppress_health_check=NOT_ALL)
@given(batch=st.lists(messages(), min_size=1, max_size=12))
def _fuzz_amqp(
    sender: Sender,
    channel: Any,
    batch: list[tuple[bytes | tuple[Any, ...], pika.BasicProperties]],
) -> None:
    before, due = sender.verdicts(), 0
    for recipe, properties in batch:
        body = cooked(sender, recipe)
        due += not _holds_nothing(body, properties)
        channel.basic_publish(f"in.{sender.slug}", "", body, properties, mandatory=True)
    good = sender.good()
    channel.basic_publish(f"in.{sender.slug}", "", json.dumps(good).encode())
    accepted = until(lambda: sender.verdict_of(good["id"]) == "accepted", FLOWS_WITHIN_S, 0.01)
    assert accepted, "the consumer is stuck"
    assert sender.verdicts() - before >= due + 1


def _holds_nothing(body: bytes, properties: pika.BasicProperties) -> bool:
    media = (properties.content_type or "").partition(";")[0].strip().lower()
    return media == BATCH and body.strip() == b"[]"


def test_anything_by_amqp_gets_a_verdict(sender: Sender) -> None:
    with sender.connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        _fuzz_amqp(sender, channel)
        sender.assert_good_flows(channel)


class RawProperties(pika.BasicProperties):
    """A content type and a table of headers in their encoded form, sound or not."""

    def __init__(self, table: bytes, content_type: bytes = STRUCTURED.encode()) -> None:
        super().__init__()
        self._table, self._type = table, content_type

    def encode(self) -> list[bytes]:
        """Flags for content type and headers, then both."""
        flags = self.FLAG_CONTENT_TYPE | self.FLAG_HEADERS
        return [
            struct.pack(">HB", flags, len(self._type)),
            self._type,
            struct.pack(">I", len(self._table)),
            self._table,
        ]


def _field(name: bytes, kind: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + kind + value


def _tables_in_tables(depth: int) -> bytes:
    table = b""
    for _ in range(depth):
        table = _field(b"t", b"F", struct.pack(">I", len(table)) + table)
    return table


NASTY: dict[str, RawProperties] = {
    "a moment that no calendar has": RawProperties(_field(b"ce-time", b"T", b"\xff" * 8)),
    "a year of five digits": RawProperties(_field(b"at", b"T", struct.pack(">Q", 2**40))),
    "not a number": RawProperties(_field(b"n", b"d", struct.pack(">d", math.nan))),
    "endless": RawProperties(_field(b"n", b"f", struct.pack(">f", math.inf))),
    "a name that is no UTF-8": RawProperties(_field(b"ce-\xff", b"S", struct.pack(">I", 0))),
    "a text that is no UTF-8": RawProperties(
        _field(b"ce-id", b"S", struct.pack(">I", 2) + b"\xff\xfe")
    ),
    "a content type that is no UTF-8": RawProperties(b"", b"\xff\xfe"),
    "tables in tables": RawProperties(_tables_in_tables(200)),
    "tables in tables, deep": RawProperties(_tables_in_tables(12_000)),
    "lists in lists, deep": RawProperties(
        _field(
            b"l",
            b"A",
            b"".join(struct.pack(">I", 5 * left) + b"A" for left in range(12_000, 0, -1))
            + struct.pack(">I", 0),
        )
    ),
    "a decimal of many places": RawProperties(_field(b"d", b"D", b"\xff\x7f\xff\xff\xff")),
    "the same name twice": RawProperties(_field(b"ce-id", b"t", b"\x01") * 2),
    "a short string in disguise": RawProperties(_field(b"s", b"s", b"\x00\x01")),
}


@pytest.mark.parametrize("name", NASTY)
def test_properties_that_cannot_be_read(sender: Sender, name: str) -> None:
    """Refused by the broker, or judged; whoever comes next is served in either case."""
    before = sender.verdicts()
    refused = False
    try:
        with sender.connect() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish(f"in.{sender.slug}", "", b'{"x":1}', NASTY[name])
    except pika.exceptions.AMQPError:
        refused = True
    with sender.connect() as connection:
        sender.assert_good_flows(connection.channel())
    assert sender.verdicts() - before == (2 if refused else 3)
    sender.district.watch()


def test_afterwards_everybody_is_well(sender: Sender) -> None:
    sender.district.watch()
    sender.district.wait_ready()
