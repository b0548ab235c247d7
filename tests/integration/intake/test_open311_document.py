"""The Open311 part of our OpenAPI document is true: what it allows or forbids is answered so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.intake.conftest import Intake
from tests.integration.intake.open311 import REAL, TEST, Client, set_up

CASES = 12  # of each operation
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def client(intake: Intake) -> Client:
    set_up(intake)
    client = Client(intake, per_minute=100_000)
    for base in (REAL, TEST):
        client.posted(base)
    return client


def operations(client: Client, base: str, form: str) -> Iterator[Any]:
    """Each operation of one endpoint in one format, as our document describes it."""
    both = GenerationConfig(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    projects = ProjectsConfig(default=ProjectConfig(generation=both))
    schema = schemathesis.openapi.from_wsgi(
        "/intake/openapi.json",
        client.intake.app,
        config=SchemathesisConfig(projects=projects),
    ).include(path_regex=rf"^{base}/.*\.{form}$")
    for found in schema.get_all_operations():
        yield found.ok()


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize("base", [REAL, TEST])
def test_no_call_is_answered_as_the_document_does_not_say(
    client: Client, base: str, form: str
) -> None:
    tried = set()
    for operation in operations(client, base, form):

        @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(operation.as_strategy())
        def call(case: Case) -> None:
            if isinstance(case.body, dict) and "api_key" in case.body:
                case.body["api_key"] = client.key  # or every POST would end at the door
            case.call_and_validate(checks=CHECKS)

        call()
        tried.add(operation.label)
    assert len(tried) == (9 if base == REAL else 8)
