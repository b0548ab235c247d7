"""Rows as the standard's fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.intake.queries.open311.services import Offered
from services.intake.rules.open311.moments import written
from services.intake.rules.open311.release import released
from services.intake.rules.open311.services import Service
from services.intake.rules.open311.statuses import EXTENDED, notes_of, status_of, update_of
from services.intake.rules.states import State

Tree = dict[str, Any]
OWN_DOOR = "open311"
SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"


def discovery(root: str, changed_at: datetime | None) -> Tree:
    """Where what is found; `root` is the site's address with a slash at its end."""
    changeset = written(changed_at)
    return {
        "changeset": changeset,
        "contact": f"请联系所在街道或社区 / Ask your district: {root}",
        "key_service": f"密钥由街道管理员发放 / Keys are given by the district: {root}intake/docs",
        "endpoints": [
            {
                "specification": SPECIFICATION,
                "url": f"{root}{path}",
                "changeset": changeset,
                "type": kind,
                "formats": ["text/xml", "application/json"],
            }
            for kind, path in (("production", "open311/v2"), ("test", "open311/test/v2"))
        ],
    }


def request_tree(row: Mapping[str, Any], offered: Offered, *, with_extensions: bool) -> Tree:
    """A request of the real list."""
    state = row["state"]
    service = offered.by_category.get(row["condition_code"] or row["category"])
    is_open = status_of(state) == "open"
    updated = None if is_open else row["ended_at"] or row["resolved_at"]
    is_of_this_door = row["door"] == OWN_DOOR
    tree = _fields(row, service, row["category"])
    tree |= {
        "service_request_id": row["public_code"],
        "status": status_of(state),
        "status_notes": notes_of(state),
        "description": released(row["description"]),
        "agency_responsible": row["unit_name"],
        "requested_datetime": written(row["opened_at"]),
        "updated_datetime": written(updated or row["updated_at"]),
        "expected_datetime": written(row["due_at"]),
        # An address at another door may be somebody's home: the grid's name is enough.
        "address": released(row["address"]) if is_of_this_door and row["address"] else _area(row),
        "address_id": row["building_no"] or row["grid_code"],
    }
    if with_extensions:
        tree["extended_attributes"] = {
            "title": released(row["title"]),
            "channel": row["door"],
            "extended_status": EXTENDED[State(state)],
            "media_urls": list(row["media_urls"] or ()),
        }
    return tree


def trial_tree(row: Mapping[str, Any], offered: Offered, *, with_extensions: bool) -> Tree:
    """A request of the sandbox."""
    tree = _fields(row, offered.by_category.get(row["service_code"]), row["service_code"])
    tree |= {
        "service_request_id": row["public_code"],
        "status": row["status"],
        "status_notes": "沙箱：不派单 / Sandbox: nobody is sent",
        "description": released(row["description"]),
        "agency_responsible": None,
        "requested_datetime": written(row["opened_at"]),
        "updated_datetime": written(row["updated_at"]),
        "expected_datetime": None,
        "address": released(row["address"]) if row["address"] else _area(row),
        "address_id": row["grid_code"],
    }
    if with_extensions:
        tree["extended_attributes"] = {
            "title": None,
            "channel": OWN_DOOR,
            "extended_status": row["extended_status"],
            "media_urls": list(row["media_urls"] or ()),
        }
    return tree


def update_tree(row: Mapping[str, Any], offered: Offered) -> Tree:
    """A public step of a request's history."""
    state = State(row["to_state"])
    service = offered.by_category.get(row["condition_code"] or row["category"])
    return {
        "update_id": f"{row['public_code']}-{row['step_no']}",
        "service_request_id": row["public_code"],
        "status": EXTENDED[state],
        "description": update_of(row["action"]),
        "updated_datetime": written(row["at"]),
        "media_url": None,
        "external_status_code": str(state),
        "extras": {"category": service.name if service else row["category"]},
    }


def _fields(row: Mapping[str, Any], service: Service | None, category: str) -> Tree:
    media = row["media_urls"] or ()
    return {
        "service_request_id": None,  # first, as the standard's examples have it
        "status": None,
        "status_notes": None,
        "service_name": service.name if service else category,
        "service_code": service.code if service else category,
        "description": None,
        "agency_responsible": None,
        "service_notice": service.notice if service else None,
        "requested_datetime": None,
        "updated_datetime": None,
        "expected_datetime": None,
        "address": None,
        "address_id": None,
        "zipcode": None,
        "lat": row["lat"],
        "long": row["lon"],
        "media_url": media[0] if media else None,
    }


def _area(row: Mapping[str, Any]) -> str | None:
    named = [row["community_name"], row["grid_name"]]
    return " ".join(name for name in named if name) or None
