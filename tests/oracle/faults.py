"""One function for each way in which a send can be wrong; each draws a line of events.jsonl."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.oracle.judge import ATTENDED, BYTES_MAX, FULFILLED, SUBMITTED, compact

if TYPE_CHECKING:
    from tests.oracle.sends import Writer

_BAD_TIMES = ("2026-13-40T00:00:00Z", "2026-01-01 09:00", "2026-01-01T09:00:00", "gestern", "")
_RAW = ("", "hello", "null", "[]", '"text"', "{}", "{", "[{]", "\ud800", '{"id":"\udfff"}', "42")
_TYPES = (
    "com.example.order.created",
    "linli.activity.attended.v9",
    "linli.points.credited.v1",
    "linli.Activity.attended.v1",
)


def _sound(writer: Writer, kind: str | None = None) -> dict[str, Any]:
    partner = writer.partner()
    while kind is not None and kind not in partner["agreement"]["event_types"]:
        partner = writer.partner()
    return writer.send(partner["slug"], writer.event(partner, kind))


def without_attribute(writer: Writer) -> dict[str, Any]:
    """An attribute that must be there is missing or null."""
    line = _sound(writer)
    name = writer.chance.choice(("id", "source", "type", "time", "specversion"))
    if writer.chance.random() < 0.3:
        line["event"][name] = None
    else:
        del line["event"][name]
    return line


def wrong_attribute(writer: Writer) -> dict[str, Any]:
    """An attribute says something that it may not."""
    line = _sound(writer)
    name, value = writer.chance.choice(
        [
            ("specversion", "0.3"),
            ("specversion", ""),
            ("id", ""),
            ("type", ""),
            *(("time", each) for each in _BAD_TIMES),
        ]
    )
    line["event"][name] = value
    return line


def wrong_kind_of_value(writer: Writer) -> dict[str, Any]:
    """An attribute is not text; a header would make it text, so not in binary mode."""
    line = _sound(writer)
    name = writer.chance.choice(("id", "source", "type", "time", "specversion"))
    line["event"][name] = writer.chance.choice((7, True, [], {"a": 1}))
    line["mode"] = writer.chance.choice(("structured", "batch"))
    return line


def no_event(writer: Writer) -> dict[str, Any]:
    """A body that is no CloudEvent, in any mode; a batch may hold nothing."""
    line = _sound(writer)
    event = line.pop("event")
    line["raw"] = writer.chance.choice(_RAW)
    if writer.chance.random() < 0.3:
        line["raw"] = compact(event).decode()[: writer.chance.randint(1, 150)]
    return line


def other_source(writer: Writer) -> dict[str, Any]:
    """Somebody else's source, or not quite one's own."""
    line = _sound(writer)
    source = line["event"]["source"]
    other = writer.chance.choice(writer.partners)
    sources = (
        f"/partners/{other['slug']}x/{other['system']}",
        source + "/",
        source.upper(),
        source.lstrip("/"),
        source.rpartition("/")[0] + "/elsewhere",
        "urn:linli:intake",
    )
    line["event"]["source"] = writer.chance.choice(sources)
    return line


def unsupported_type(writer: Writer) -> dict[str, Any]:
    """A type that partners may not post."""
    line = _sound(writer)
    line["event"]["type"] = writer.chance.choice(_TYPES)
    return line


def in_future(writer: Writer) -> dict[str, Any]:
    """A time that is far from having come."""
    line = _sound(writer)
    line["event"]["time"] = writer.chance.choice(
        ("2099-01-01T00:00:00Z", "2100-02-28T23:59:59+08:00")
    )
    return line


def not_entitled(writer: Writer) -> dict[str, Any]:
    """A type that is known, but that the agreement may not name."""
    partner = writer.chance.choice(writer.partners)
    kind = writer.chance.choice((ATTENDED, FULFILLED, SUBMITTED))
    return writer.send(partner["slug"], writer.event(partner, kind))


def no_data(writer: Writer) -> dict[str, Any]:
    """No data, or data that is no object."""
    line = _sound(writer)
    if writer.chance.random() < 0.4:
        del line["event"]["data"]
    else:
        line["event"]["data"] = writer.chance.choice((None, [], "text", 5, {}))
    return line


def wrong_activity(writer: Writer) -> dict[str, Any]:
    """Data of an activity with one thing wrong."""
    line = _sound(writer, ATTENDED)
    data = line["event"]["data"]
    at = "2026-03-05T{}+08:00"
    data |= writer.chance.choice(
        [
            {"activity_kind": "sleeping"},
            {"activity_kind": None},
            {"evidence": "hearsay"},
            {"resident_no": ""},
            {"resident_no": 12},
            {"resident_no": None},
            {"activity_code": ["ACT"]},
            {"checked_in_at": data["checked_out_at"]},
            {"checked_in_at": at.format("09:00:00"), "checked_out_at": at.format("09:09:59.999")},
            {"checked_in_at": at.format("09:00:00"), "checked_out_at": at.format("21:01:00")},
            {"checked_in_at": at.format("09:00:00"), "checked_out_at": at.format("08:00:00")},
            {"checked_in_at": "2026-03-05T09:00:00"},
            {"checked_out_at": "2026-02-30T09:00:00Z"},
            {"checked_out_at": 1_770_000_000},
        ]
    )
    if writer.chance.random() < 0.25:
        del data[writer.chance.choice(list(data))]
        data.setdefault("resident_no", writer.chance.choice(writer.residents))
        data.pop("evidence", None)
    return line


def wrong_wish(writer: Writer) -> dict[str, Any]:
    """Data of a wish with one thing wrong."""
    line = _sound(writer, FULFILLED)
    line["event"]["data"] |= writer.chance.choice(
        [
            {"cost_fen": -1},
            {"cost_fen": 10**8 + 1},
            {"cost_fen": 1.5},
            {"cost_fen": "100"},
            {"cost_fen": True},
            {"cost_fen": None},
            {"colour": "green"},
            {"wish_code": ""},
            {"resident_no": None},
        ]
    )
    return line


def wrong_request(writer: Writer) -> dict[str, Any]:
    """Data of a request with one thing wrong."""
    line = _sound(writer, SUBMITTED)
    line["event"]["data"] |= writer.chance.choice(
        [
            {"urgency": "whenever"},
            {"title": ""},
            {"title": None},
            {"description": 5},
            {"grid_code": None},
            {"resident_no": 5},
            {"resident_no": ""},
        ]
    )
    return line


def unknown_resident(writer: Writer) -> dict[str, Any]:
    """Nobody of that number lives here."""
    line = _sound(writer, writer.chance.choice((ATTENDED, FULFILLED, SUBMITTED)))
    line["event"]["data"]["resident_no"] = writer.chance.choice(("R99999", "r00001", "邻里"))
    return line


def too_large(writer: Writer) -> dict[str, Any]:
    """A byte too many, or plenty."""
    line = _sound(writer, writer.chance.choice((ATTENDED, FULFILLED, SUBMITTED)))
    writer.pad(line, BYTES_MAX + writer.chance.choice((1, 1, 2, 5000)))
    return line


def too_large_and_broken(writer: Writer) -> dict[str, Any]:
    """Size is looked at before anything else."""
    line = _sound(writer)
    del line["event"]
    line["mode"] = writer.chance.choice(("structured", "binary", "batch"))
    line["raw"] = "[{" + "x" * BYTES_MAX
    return line


def refused(writer: Writer) -> dict[str, Any]:
    """Nobody that the door knows, or one that is suspended."""
    line = _sound(writer)
    suspended = next(each["slug"] for each in writer.partners if each["status"] == "suspended")
    line["as"] = writer.chance.choice((suspended, suspended, "nobody-z"))
    return line


FAULTS: list[Callable[[Writer], dict[str, Any]]] = [
    without_attribute,
    wrong_attribute,
    wrong_kind_of_value,
    no_event,
    no_event,
    other_source,
    unsupported_type,
    in_future,
    not_entitled,
    no_data,
    wrong_activity,
    wrong_activity,
    wrong_wish,
    wrong_request,
    unknown_resident,
    too_large,
    too_large_and_broken,
    refused,
]
