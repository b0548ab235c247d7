"""The written contract, made from the same classes that check the events.

`contents()` is every document by its path under docs/contract; `write` puts them there and
`stale` says which files are not as they would be written now. OpenAPI documents come from the
running apps and are handed to `write_openapi`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marshmallow import fields

from shared.schemas.asyncapi import asyncapi
from shared.schemas.envelope import (
    ID_CHARACTERS_MAX,
    SOURCE_CHARACTERS_MAX,
)
from shared.schemas.fields import Checked, EventData, Part
from shared.schemas.registry import PARTNER_TYPES, SCHEMAS
from shared.schemas.verdict import verdict_schema

Document = dict[str, Any]

EXAMPLES = Path(__file__).parent / "examples"
OPENAPI = "openapi"
INDEX = "index.json"


def examples(kind: str) -> dict[str, Document]:
    """The golden examples of a type by name: whole envelopes."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((EXAMPLES / kind).glob("*.json"))
    }


def event_schema(kind: str) -> Document:
    """JSON Schema (draft 2020-12, and valid as draft-07) of a whole event of this type.

    Linli accepts a little more than it says here: null attributes, ISO 8601 times without
    seconds. It never accepts less, except for rules over two fields, which the text names.
    """
    schema = SCHEMAS[kind]
    source: Document = {"type": "string", "minLength": 1, "maxLength": SOURCE_CHARACTERS_MAX}
    if kind in PARTNER_TYPES:
        source["pattern"] = "^/partners/[^/]+/[^/]+$"
    attribute: Document = {"type": "string", "minLength": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:linli:schema:{kind}",
        "title": kind,
        "description": schema.about,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": {
            "specversion": {"type": "string", "const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": ID_CHARACTERS_MAX},
            "source": source,
            "type": {"type": "string", "const": kind},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": attribute,
            "dataschema": attribute,
            "subject": attribute,
            "correlationid": attribute,
            "causationid": attribute,
            "traceparent": attribute,
            "data": _object(schema),
        },
        "propertyNames": {"pattern": "^[a-z0-9]+$"},
        "additionalProperties": {"type": ["string", "integer", "boolean"]},
    }


def _object(schema: EventData) -> Document:
    described = {name: _field(field) for name, field in schema.fields.items()}
    return {
        "type": "object",
        "required": [name for name, field in schema.fields.items() if field.required],
        "properties": described,
        "additionalProperties": True,
    }


def _field(field: fields.Field[Any]) -> Document:
    if isinstance(field, Part):
        part = field.schema
        if not isinstance(part, EventData):
            raise TypeError(f"{part!r} is not an EventData")
        described = _object(part)
    elif isinstance(field, Checked):
        described = field.json_schema()
        if field.allow_none:
            described["type"] = [described["type"], "null"]
            if "enum" in described:
                described["enum"] = [*described["enum"], None]
    else:
        raise TypeError(f"no JSON Schema for {field!r}")
    return {**described, "description": field.metadata["description"]}


def contents() -> dict[str, Document]:
    """Every document that the schemas alone decide, by path."""
    made = {f"schemas/{kind}.json": event_schema(kind) for kind in SCHEMAS}
    made["schemas/verdict.json"] = verdict_schema()
    made["asyncapi.json"] = asyncapi({kind: examples(kind) for kind in SCHEMAS})
    return made


def index(openapi: list[str]) -> Document:
    """What is where; `openapi` names the services whose OpenAPI document is there."""
    return {
        "asyncapi": "asyncapi.json",
        "events": {kind: f"schemas/{kind}.json" for kind in SCHEMAS},
        "verdict": "schemas/verdict.json",
        "openapi": {service: f"{OPENAPI}/{service}.json" for service in sorted(openapi)},
    }


def render(document: Mapping[str, Any]) -> str:
    """The one way a document is written: two spaces, Chinese as it is, a last newline."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _rendered(directory: Path) -> dict[str, str]:
    there = [path.stem for path in (directory / OPENAPI).glob("*.json")]
    return {
        name: render(document) for name, document in {**contents(), INDEX: index(there)}.items()
    }


def stale(directory: Path) -> list[str]:
    """Paths under `directory` that are missing, differ, or belong to no type any more."""
    wanted = _rendered(directory)
    wrong = {
        name
        for name, text in wanted.items()
        if not (directory / name).is_file() or (directory / name).read_text("utf-8") != text
    }
    for path in (directory / "schemas").glob("*.json"):
        name = path.relative_to(directory).as_posix()
        if name not in wanted:
            wrong.add(name)
    return sorted(wrong)


def write(directory: Path) -> list[str]:
    """Bring `directory` up to date; returns the paths that changed. OpenAPI files stay."""
    wanted = _rendered(directory)
    changed = stale(directory)
    for name in changed:
        path = directory / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def stale_openapi(directory: Path, specs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which of the ready OpenAPI documents are missing under `directory` or differ."""
    return [
        f"{OPENAPI}/{service}.json"
        for service, spec in specs.items()
        if not (path := directory / OPENAPI / f"{service}.json").is_file()
        or path.read_text(encoding="utf-8") != render(spec)
    ]


def write_openapi(directory: Path, specs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Write ready OpenAPI documents by service name, and the index; returns what changed."""
    changed = stale_openapi(directory, specs)
    (directory / OPENAPI).mkdir(parents=True, exist_ok=True)
    for service, spec in specs.items():
        (directory / OPENAPI / f"{service}.json").write_text(render(spec), encoding="utf-8")
    return sorted({*changed, *write(directory)})
