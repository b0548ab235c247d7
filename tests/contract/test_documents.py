"""The written contract is what the code does: no drift, valid, and examples fit it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker

from deploy.cli import openapi
from shared.schemas import PARTNER_TYPES, SCHEMAS
from shared.schemas.documents import (
    EXAMPLES,
    contents,
    event_schema,
    examples,
    stale,
    stale_openapi,
    write,
    write_openapi,
)
from shared.schemas.verdict import REASONS, VERDICTS, verdict_schema

HERE = Path(__file__).parent
CONTRACT = HERE.parents[1] / "docs" / "contract"
ASYNCAPI = json.loads((HERE / "asyncapi-3.0.0.json").read_text(encoding="utf-8"))


def test_the_committed_contract_is_up_to_date() -> None:
    assert stale(CONTRACT) == [], "run `linli contract` and commit what it writes"


def test_the_committed_openapi_documents_are_what_the_apps_serve() -> None:
    drifted = stale_openapi(CONTRACT, openapi.documents())
    assert drifted == [], "run `linli contract` and commit what it writes"


def test_write_brings_a_directory_up_to_date(tmp_path: Path) -> None:
    assert "asyncapi.json" in write(tmp_path)
    assert stale(tmp_path) == []
    assert write(tmp_path) == []
    (tmp_path / "asyncapi.json").write_text("{}", encoding="utf-8")
    (tmp_path / "schemas" / "linli.gone.away.v1.json").write_text("{}", encoding="utf-8")
    drifted = ["asyncapi.json", "schemas/linli.gone.away.v1.json"]
    assert stale(tmp_path) == drifted
    assert write(tmp_path) == drifted
    assert stale(tmp_path) == []


def test_openapi_documents_are_written_and_indexed(tmp_path: Path) -> None:
    specs = {"points": {"openapi": "3.1.0"}, "intake": {"openapi": "3.1.0"}}
    assert "openapi/intake.json" in write_openapi(tmp_path, specs)
    assert write_openapi(tmp_path, specs) == []
    assert stale(tmp_path) == []
    index = json.loads((tmp_path / "index.json").read_text(encoding="utf-8"))
    assert sorted(index["openapi"]) == ["intake", "points"]


@pytest.mark.parametrize("name", [*sorted(SCHEMAS), "verdict"])
def test_a_json_schema_is_valid_in_both_drafts(name: str) -> None:
    schema = contents()[f"schemas/{name}.json"]
    Draft202012Validator.check_schema(schema)
    Draft7Validator.check_schema(schema)  # AsyncAPI tools read payloads as draft-07


def check(schema: dict[str, Any], instance: object) -> list[str]:
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(instance)]


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_examples_fit_the_json_schema(kind: str) -> None:
    for name, event in examples(kind).items():
        if name != "lenient":  # Linli takes a little more than it promises
            assert check(event_schema(kind), event) == []


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_the_json_schema_refuses_what_the_code_refuses(kind: str) -> None:
    event = examples(kind)["full"]
    schema = event_schema(kind)
    for name, field in SCHEMAS[kind].fields.items():
        without = {key: value for key, value in event["data"].items() if key != name}
        assert bool(check(schema, {**event, "data": without})) is field.required
        wrong = {**event["data"], name: 1.5}
        assert check(schema, {**event, "data": wrong})
        null = {**event["data"], name: None}
        assert bool(check(schema, {**event, "data": null})) is not field.allow_none
    assert check(schema, {**event, "type": "linli.other.type.v1"})
    assert check(schema, {**event, "specversion": "0.3"})
    assert check(schema, {**event, "Extension": "x"})


def test_the_asyncapi_document_is_valid() -> None:
    Draft7Validator.check_schema(ASYNCAPI)
    errors = Draft7Validator(ASYNCAPI).iter_errors(contents()["asyncapi.json"])
    assert [f"{list(error.path)}: {error.message}" for error in errors] == []


def test_the_asyncapi_check_bites() -> None:
    document = contents()["asyncapi.json"]
    document["channels"]["partner-in"]["bindings"]["amqp"]["is"] = "door"
    assert not Draft7Validator(ASYNCAPI).is_valid(document)


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [one for inner in value.values() for one in references(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in references(inner)]
    return []


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    written = contents()
    document = written["asyncapi.json"]
    found = references(document)
    assert found
    for reference in found:
        if reference.startswith("./"):
            assert reference.removeprefix("./") in written
            continue
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_the_asyncapi_document_names_every_type_and_door() -> None:
    document = contents()["asyncapi.json"]
    assert set(document["channels"]["partner-in"]["messages"]) == PARTNER_TYPES
    assert set(document["channels"]) == {"partner-in", "partner-out"} | (
        set(SCHEMAS) - PARTNER_TYPES
    )
    for name, channel in document["channels"].items():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(
            channel.get("parameters", {})
        ), name
    used = {
        operation["channel"]["$ref"].removeprefix("#/channels/")
        for operation in document["operations"].values()
    }
    assert used == set(document["channels"])


def test_a_verdict_fits_its_schema() -> None:
    verdict: dict[str, Any] = {
        "source": "/partners/t/main",
        "id": "1",
        "verdict": "accepted",
        "reason": None,
        "detail": None,
        "pointer": None,
        "received_at": "2026-10-01T09:30:00+08:00",
    }
    schema = verdict_schema()
    assert check(schema, verdict) == []
    assert check(schema, {**verdict, "verdict": "duplicate"}) == []
    assert check(schema, {**verdict, "verdict": "rejected"})
    assert check(schema, {**verdict, "reason": "schema"})
    for reason in REASONS:
        assert check(schema, {**verdict, "verdict": "rejected", "reason": reason}) == []
    assert check(schema, {**verdict, "verdict": "rejected", "reason": "other"})
    assert VERDICTS == ("accepted", "duplicate", "rejected")
    assert len(REASONS) == 11


def test_examples_on_disk_belong_to_a_type() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(SCHEMAS)
