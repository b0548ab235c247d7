"""Golden examples: what was accepted once stays accepted, and says the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.schemas import (
    PARTNER_TYPES,
    SCHEMAS,
    check_envelope,
    decode,
    encode,
    load,
    validate_fast,
)
from shared.schemas.documents import EXAMPLES
from shared.schemas.envelope import Event

FILES = sorted(EXAMPLES.glob("*/*.json"))
NAMES = [path.relative_to(EXAMPLES).as_posix() for path in FILES]


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def reload(event: Event) -> Event:
    """The same event with its data as a handler gets it: times, days and ids parsed.

    Fields that its type got after it was said are not in it.
    """
    loaded = load(event.type, event.data)
    return Event(
        event.id,
        event.source,
        event.type,
        event.time,
        {name: value for name, value in loaded.items() if name in event.data},
        event.correlationid,
        event.causationid,
        event.traceparent,
        event.subject,
    )


def test_no_example_was_changed_or_taken_away() -> None:
    recorded = json.loads((EXAMPLES / "manifest.json").read_text(encoding="utf-8"))
    found = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in zip(NAMES, FILES, strict=True)
    }
    assert found == recorded, "an example, once published, stays; a new one is added to the list"


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_every_type_has_a_minimal_and_a_full_example(kind: str) -> None:
    names = {path.stem for path in (EXAMPLES / kind).glob("*.json")}
    assert {"minimal", "full"} <= names
    text = "".join(path.read_text("utf-8") for path in (EXAMPLES / kind).glob("*.json"))
    assert any("\u4e00" <= letter <= "\u9fff" for letter in text)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_an_example_is_accepted(path: Path) -> None:
    event = read(path)
    assert check_envelope(event) is None
    assert event["type"] == path.parent.name
    loaded = load(event["type"], event["data"])
    assert validate_fast(event["type"], event["data"]) == loaded
    assert SCHEMAS[event["type"]].load(event["data"]) == loaded


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_an_example_is_encoded_as_it_came(path: Path) -> None:
    if path.stem == "lenient":
        event = decode(read(path))
        again = decode(orjson.loads(encode(reload(event))))
        assert load(again.type, again.data) == load(event.type, event.data)
        return
    document = read(path)
    expected = {"correlationid": document["id"], **document}
    event = decode(document)
    assert orjson.loads(encode(event)) == expected
    assert orjson.loads(encode(reload(event))) == expected


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_field_less_is_told_by_its_name(path: Path) -> None:
    event = read(path)
    for name, field in SCHEMAS[event["type"]].fields.items():
        data = {key: value for key, value in event["data"].items() if key != name}
        if field.required:
            with pytest.raises(Exception) as refusal:
                load(event["type"], data)
            assert getattr(refusal.value, "pointer", None) == f"/data/{name}"
        else:
            assert load(event["type"], data)[name] is None


def test_no_internal_example_holds_personal_data() -> None:
    """Free text of a request and contact data in clear have no field to travel in."""
    barred = {"title", "description", "phone", "name_of_resident", "id_number", "contact"}
    for kind in set(SCHEMAS) - PARTNER_TYPES:
        assert not barred & set(SCHEMAS[kind].fields)
