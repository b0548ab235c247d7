"""Buildings, rooms and households at their doors, as rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BuildingRow:
    """楼栋; `number` is its five digits in the grid, `label` what doors begin with."""

    grid_code: str
    number: str
    label: str
    kind: str
    address: str
    lat: float | None
    lon: float | None
    micro_grid_code: str | None

    @property
    def building_no(self) -> str:
        """The grid's code and the five digits: one building has one number in the district."""
        return self.grid_code + self.number


@dataclass(frozen=True, slots=True)
class RoomRow:
    """户室; `unit` is "" where the building has no units."""

    building_no: str
    unit: str
    room: str
    usage: str


@dataclass(frozen=True, slots=True)
class HomeRow:
    """A household behind its door."""

    household_no: str
    building_no: str
    unit: str
    room: str
    residence: str | None
    origin: str | None
