"""荣誉分: what an honour of each level counts, as declared; shown and counted, never spent."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from services.points.rules.declaring import table, whole, wrong

SCALE = "default"
POINTS_MAX = 10_000
LEVELS = ("nation", "province", "prefecture", "county", "street", "community")


def read_scale(body: Mapping[str, Any]) -> dict[str, int]:
    """Honour points by level: {"levels": {"nation": 50, …}}; raises Rejected.

    A higher level is never worth less than a lower one.
    """
    told = table(body, "", required=("levels",))
    levels = table(told["levels"], "/levels", required=LEVELS)
    scale = {name: whole(levels[name], f"/levels/{name}", 1, POINTS_MAX) for name in LEVELS}
    for higher, lower in itertools.pairwise(LEVELS):
        if scale[higher] < scale[lower]:
            raise wrong(
                f"/levels/{lower}",
                f"不得高于上一级的 {scale[higher]} 分",
                f"must not exceed the {scale[higher]} of the level above",
            )
    return scale
