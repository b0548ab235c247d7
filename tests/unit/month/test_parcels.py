"""How sends are encoded, in each mode."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.month.parcels import Parcel, http_header, pack
from deploy.month.read import Send

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "编号 1",
    "source": "/partners/a/main",
    "type": "linli.wish.fulfilled.v1",
    "time": "2026-10-01T00:00:00Z",
    "datacontenttype": "application/json",
    "data": {"cost_fen": 1},
}


def _pack(mode: str, event: dict[str, Any] | None = None, raw: bytes | None = None) -> Parcel:
    return pack(Send(1, "a", "amqp", mode, event, raw))


def test_structured() -> None:
    parcel = _pack("structured", EVENT)
    assert orjson.loads(parcel.body) == EVENT
    assert (parcel.content_type, parcel.attributes) == ("application/cloudevents+json", {})
    assert parcel.routing_key == "linli.wish.fulfilled.v1"


def test_batch() -> None:
    parcel = _pack("batch", EVENT)
    assert orjson.loads(parcel.body) == [EVENT]
    assert parcel.content_type == "application/cloudevents-batch+json"


def test_binary_has_attributes_beside_the_data() -> None:
    parcel = _pack("binary", {**EVENT, "number": 5, "yes": True, "none": None})
    assert parcel.body == b'{"cost_fen":1}'
    assert parcel.content_type == "application/json"
    assert parcel.attributes == {
        "specversion": "1.0",
        "id": "编号 1",
        "source": "/partners/a/main",
        "type": "linli.wish.fulfilled.v1",
        "time": "2026-10-01T00:00:00Z",
        "number": "5",
        "yes": "true",
    }


def test_binary_without_data_has_no_body() -> None:
    event = {name: value for name, value in EVENT.items() if name != "data"}
    assert _pack("binary", event).body == b""
    assert _pack("binary", {}).content_type is None
    assert _pack("binary", {"data": None}).body == b"null"


def test_binary_carries_other_data_as_it_is() -> None:
    assert (
        _pack("binary", {"datacontenttype": "text/plain", "data": "你好"}).body == "你好".encode()
    )
    assert _pack("binary", {"data_base64": "AAE="}).body == b"\x00\x01"


@pytest.mark.parametrize(
    ("mode", "content_type"),
    [
        ("structured", "application/cloudevents+json"),
        ("binary", "application/json"),
        ("batch", "application/cloudevents-batch+json"),
    ],
)
def test_raw_goes_as_it_is(mode: str, content_type: str) -> None:
    parcel = _pack(mode, raw=b"\xff{")
    assert (parcel.body, parcel.content_type, parcel.expects) == (b"\xff{", content_type, 1)


@pytest.mark.parametrize(
    ("raw", "expects"), [(b"[]", 0), (b"[{},{}]", 2), (b"{}", 1), (b"[", 1), (b"[1]", 1)]
)
def test_how_many_verdicts_a_raw_batch_gets(raw: bytes, expects: int) -> None:
    assert _pack("batch", raw=raw).expects == expects


@given(st.text())
def test_a_header_is_printable_ascii_and_says_the_same(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    header = http_header(text)
    assert all("!" <= character <= "~" and character != '"' for character in header)
    assert unquote(header) == text


def test_what_orjson_refuses_is_written_with_escapes() -> None:
    parcel = _pack("structured", {"id": "\ud800", "data": 2**70})
    assert parcel.body == b'{"id":"\\ud800","data":1180591620717411303424}'
