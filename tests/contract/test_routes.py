"""The map of events, the handlers and the bindings say the same."""

from __future__ import annotations

import importlib

import pytest

from shared.messaging import topology
from shared.messaging.routes import ROUTES, SERVICES, heard_by
from shared.schemas import INTERNAL_TYPES


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_handles_exactly_what_the_map_says(
    service: str, settings: dict[str, str]
) -> None:
    worker = importlib.import_module(f"services.{service}.worker")
    config = importlib.import_module(f"services.{service}.config")
    read = getattr(config, "read_worker_settings", config.read_settings)
    parts = worker.create_worker(read(settings))
    assert parts.handlers.types() == set(heard_by(service))
    parts.sessions.kw["bind"].dispose()


def test_every_internal_type_is_heard_and_every_route_has_a_schema() -> None:
    assert set(ROUTES) == set(INTERNAL_TYPES)
    assert all(ROUTES.values())


def test_the_declared_bindings_are_the_map() -> None:
    bindings = {
        (binding.queue, binding.routing_key)
        for binding in topology.internal_topology((4, 0)).bindings
    }
    assert bindings == {
        (f"{service}.events", kind) for kind, hearers in ROUTES.items() for service in hearers
    }
