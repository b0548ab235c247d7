"""The Open311 door: GeoReport v2 in XML and JSON, its update extension, and a sandbox beside it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from services.intake.actions.opening import Seals
from services.intake.api.open311.endpoints import WORLDS, Door, add_discovery, add_world
from services.intake.api.open311.failing import add_errors, make_elsewhere
from services.intake.queries.open311.services import ServiceList
from shared.db.session import Sessions
from shared.web.openapi import ApiBlueprint


class _Blueprint(ApiBlueprint):
    """Its routes declare every answer themselves: there is no default problem document."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.remove(self._prepare_response_doc)


def make_open311(sessions: Sessions, seals: Seals) -> tuple[ApiBlueprint, Blueprint]:
    """The routes below /open311, and what answers for every other path there."""
    blueprint = _Blueprint("open311", __name__, description="Open311 GeoReport v2 / 开放诉求接口")
    add_errors(blueprint)
    services = ServiceList()
    add_discovery(blueprint, sessions, services)
    for world in WORLDS:
        add_world(blueprint, Door(world, sessions, seals, services))
    return blueprint, make_elsewhere()
