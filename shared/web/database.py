"""Whether a service's database is there and at the revision its code needs, for /readyz."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.db import migrations


def database_readiness(
    service: str, engine: Engine, *, probe: str = "SELECT 1"
) -> Callable[[], dict[str, str | None]]:
    """The checks of `create_base_app`'s `ready`; `probe` is a statement that must work."""
    head = migrations.head(service)

    def ready() -> dict[str, str | None]:
        try:
            at = migrations.current(engine)
            with engine.connect() as connection:
                connection.execute(text(probe))
        except (DBAPIError, PoolTimeout) as problem:
            reason = f"数据库连不上 / cannot reach the database: {type(problem).__name__}"
            return {"database": reason}
        wrong = f"数据库在 {at}，代码需要 {head} / database is at {at}, the code needs {head}"
        return {"database": None, "migration": None if at == head else wrong}

    return ready
