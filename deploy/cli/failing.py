"""Failures that an operator can do something about, in two languages."""

from __future__ import annotations

import sys

from shared.config import MissingSetting
from shared.errors import LinliError


def message_of(problem: Exception) -> str | None:
    """What to tell a person; None for what only a traceback can tell."""
    if isinstance(problem, LinliError):
        return f"{problem.zh}\n{problem.en}"
    if isinstance(problem, MissingSetting | ValueError):
        return str(problem) if isinstance(problem, MissingSetting) or "/" in str(problem) else None
    return _outside(problem)


def _outside(problem: Exception) -> str | None:
    # By module name: what was never imported cannot have been raised.
    kinds = {f"{each.__module__}.{each.__qualname__}" for each in type(problem).__mro__}
    if kinds & {"psycopg.OperationalError", "sqlalchemy.exc.OperationalError"}:
        said = str(getattr(problem, "orig", problem)).strip().splitlines()
        return (
            "连不上数据库：请检查 *_DATABASE_URL 与数据库是否运行\n"
            "The database cannot be reached: check *_DATABASE_URL and that it runs"
            f"\n  {said[0] if said else ''}"
        )
    if "sqlalchemy.exc.ProgrammingError" in kinds and "UndefinedTable" in str(
        type(getattr(problem, "orig", None))
    ):
        return (
            "数据库还没有表：请先运行 linli migrate\n"
            "The database has no tables yet: run linli migrate first"
        )
    if "pika.exceptions.AMQPError" in kinds or "requests.exceptions.RequestException" in kinds:
        return (
            "连不上消息服务：请检查 LINLI_BROKER_URL、LINLI_RABBITMQ_MANAGEMENT_URL\n"
            "The broker cannot be reached: check LINLI_BROKER_URL and"
            f" LINLI_RABBITMQ_MANAGEMENT_URL\n  {type(problem).__name__}"
        )
    return None


def fail(zh: str, en: str) -> None:
    """Tell and leave with exit code 1."""
    sys.stderr.write(f"{zh}\n{en}\n")
    sys.exit(1)
