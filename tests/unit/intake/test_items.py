"""Opening what partners send: modes, prefixes, sizes, and what is no event at all."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.rules.items import BATCH, ITEM_BYTES_MAX, STRUCTURED, open_body

EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/partners/p-1/main",
    "type": "linli.wish.fulfilled.v1",
    "time": "2026-10-01T09:30:00+08:00",
    "data": {"n": 1},
}
BODY = orjson.dumps(EVENT)


def headers(prefix: str, **changed: object) -> dict[str, object]:
    attributes = {**{k: v for k, v in EVENT.items() if k != "data"}, **changed}
    return {f"{prefix}{name}": value for name, value in attributes.items()}


@pytest.mark.parametrize("prefix", ["ce-", "CE-", "cloudEvents:", "cloudEvents_"])
def test_binary_mode_is_understood_with_each_prefix(prefix: str) -> None:
    [item] = open_body("application/json", headers(prefix), b'{"n": 1}')
    assert item.problem is None
    assert (item.attributes["id"], item.data) == ("e-1", {"n": 1})


def test_attributes_are_percent_decoded_from_http_only() -> None:
    sent = headers("ce-", id="100%25 5")
    [http] = open_body("application/json", sent, b"{}", percent_encoded=True)
    [amqp] = open_body("application/json", sent, b"{}")
    assert (http.attributes["id"], amqp.attributes["id"]) == ("100% 5", "100%25 5")


def test_a_rejected_binary_event_opens_again_as_the_same() -> None:
    [item] = open_body("application/json", headers("ce-", id="50%25"), b"{}", percent_encoded=True)
    [again] = open_body(item.content_type, item.headers, item.body)
    assert again.attributes == item.attributes
    assert again.data == item.data


def test_a_batch_has_its_items_and_an_empty_one_has_none() -> None:
    body = orjson.dumps([EVENT, 7, {**EVENT, "id": "e-2"}])
    items = open_body(BATCH, {}, body)
    assert [item.problem is None for item in items] == [True, False, True]
    assert open_body(BATCH, {}, b"[]") == []


@pytest.mark.parametrize(
    ("length", "too_large"), [(ITEM_BYTES_MAX, False), (ITEM_BYTES_MAX + 1, True)]
)
def test_size_is_what_was_sent(length: int, too_large: bool) -> None:
    padding = length - len(orjson.dumps({**EVENT, "x": ""}))
    body = orjson.dumps({**EVENT, "x": "p" * padding})
    assert len(body) == length
    [item] = open_body(STRUCTURED, {}, body)
    assert item.is_too_large is too_large
    one, two = open_body(BATCH, {}, b"[ " + body + b" ,\n" + BODY + b"]")
    assert (one.is_too_large, two.is_too_large, two.problem) == (too_large, False, None)
    [binary] = open_body("application/json", headers("ce-"), b'"' + b"p" * (length - 2) + b'"')
    assert binary.is_too_large is too_large


@pytest.mark.parametrize("name", ["CC", "BCC", "cc"])
def test_routing_headers_are_refused(name: str) -> None:
    [item] = open_body(STRUCTURED, {name: ["x"]}, BODY)
    assert item.problem is not None


@given(
    st.sampled_from([STRUCTURED, BATCH, "application/json", "", "text/plain; charset=x"]),
    st.dictionaries(
        st.sampled_from(["ce-id", "ce-time", "cloudEvents:id", "ce-", "x", "ce-specversion"]),
        st.one_of(st.text(max_size=5), st.integers(), st.binary(max_size=5), st.none()),
    ),
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        ).map(orjson.dumps),
    ),
)
def test_anything_opens_without_an_exception(
    media: str, given_headers: dict[str, object], body: bytes
) -> None:
    for item in open_body(media, given_headers, body):
        assert item.problem is not None or isinstance(item.attributes, dict)
