"""Turns lines into parcels: batch sends travel together, and what must not race is kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from deploy.month.parcels import Parcel, dumps, pack, pack_batch
from deploy.month.read import Barrier, Send

BATCH_ITEMS_MAX = 50
BATCH_BYTES_MAX = 256 * 1024  # a web door takes bodies of 1 MiB; one item may exceed this


@dataclass(slots=True)
class _Group:
    """Batch sends of one partner for one door that wait to go together."""

    sends: list[tuple[Send, bytes]] = field(default_factory=list)
    size: int = 0


def plan(lines: Iterable[Send | Barrier]) -> Iterator[Parcel | Barrier]:
    """Parcels and barriers in order.

    A partner's batch sends are held until BATCH_ITEMS_MAX or BATCH_BYTES_MAX of them are there,
    or a barrier comes. Two doors are two roads: of two different bodies with one id, either could
    be first. So a barrier is put before the second where the month has none.
    """
    groups: dict[tuple[str, str], _Group] = {}
    seen: dict[tuple[str, object, object], int] = {}
    for each in lines:
        if isinstance(each, Barrier) or _races(seen, each):
            yield from _flush(groups)
            yield each if isinstance(each, Barrier) else Barrier(each.line)
            seen.clear()
            if isinstance(each, Barrier):
                continue
            _races(seen, each)  # the first of its id again
        if each.mode == "batch" and each.event is not None:
            yield from _join(groups, each, dumps(each.event))
        else:
            yield pack(each)
    yield from _flush(groups)


def _join(groups: dict[tuple[str, str], _Group], send: Send, text: bytes) -> Iterator[Parcel]:
    group = groups.setdefault((send.partner, send.via), _Group())
    if group.sends and group.size + len(text) > BATCH_BYTES_MAX:
        yield pack_batch(group.sends)
        group.sends, group.size = [], 0
    group.sends.append((send, text))
    group.size += len(text)
    if len(group.sends) == BATCH_ITEMS_MAX:
        yield pack_batch(group.sends)
        group.sends, group.size = [], 0


def _flush(groups: dict[tuple[str, str], _Group]) -> Iterator[Parcel]:
    for group in groups.values():
        if group.sends:
            yield pack_batch(group.sends)
    groups.clear()


def _races(seen: dict[tuple[str, object, object], int], send: Send) -> bool:
    """Whether another body with this id is on its way already; notes it if not."""
    event = send.event if send.event is not None else _event_in(send.raw)
    if event is None or not isinstance(event.get("id"), str):
        return False
    source = event.get("source")
    key = (send.partner, source if isinstance(source, str) else None, event["id"])
    try:
        digest = hash(orjson.dumps(event, option=orjson.OPT_SORT_KEYS))
    except (orjson.JSONEncodeError, RecursionError):
        digest = hash(dumps(event))
    return seen.setdefault(key, digest) != digest


def _event_in(raw: bytes | None) -> dict[str, Any] | None:
    try:
        event = orjson.loads(raw or b"")
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None
