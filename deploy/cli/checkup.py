"""What `linli doctor` looks at; each finding stands for itself, so one failure hides no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pika
from pika.exceptions import AMQPError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from deploy.cli import services
from shared import config
from shared.config import MissingSetting
from shared.db import migrations
from shared.db.session import make_engine
from shared.errors import LinliError

OUTBOX_AGE_MAX_S = 60
SKEW_MAX_S = 2.0
_BROKER_TIMEOUT_S = 5

_STATE = text(
    "SELECT (SELECT count(*) FROM dead_letters WHERE state = 'open'),"
    " (SELECT extract(epoch FROM now() - min(written_at))::float8 FROM outbox),"
    " (SELECT coalesce(sum(item_count), 0) FROM outbox)"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One look at one thing."""

    check: str
    ok: bool
    zh: str
    en: str
    advice_zh: str = ""
    advice_en: str = ""


def examine() -> Iterator[Finding]:
    """Every finding in order."""
    for service in services.NAMES:
        yield _settings(service)
    for service in services.NAMES:
        yield from _database(service)
    for name in ("LINLI_BROKER_URL", "LINLI_PARTNER_BROKER_URL"):
        yield _broker(name)
    yield _topology()


def _settings(service: str) -> Finding:
    check = f"{service}.settings"
    try:
        services.settings_of(service)
        services.settings_of(service, of_worker=True)
    except (MissingSetting, ValueError) as problem:
        zh, _, en = str(problem).partition(" / ")
        return Finding(
            check,
            False,
            zh,
            en or zh,
            "补上此配置后重启该服务的进程",
            "give the setting and restart the service's processes",
        )
    except ModuleNotFoundError as problem:
        return Finding(check, False, f"缺少 {problem.name}", f"{problem.name} is not installed")
    return Finding(check, True, "齐全", "complete")


def _database(service: str) -> Iterator[Finding]:
    check = f"{service}.database"
    try:
        url = services.database_url(service)
    except MissingSetting:
        return  # its settings said so
    engine = make_engine(url, pool_size=1, application="linli-doctor")
    try:
        yield _migration(service, engine)
        yield _skew(service, engine)
        yield from _rows(service, engine)
    except DBAPIError as problem:
        said = str(problem.orig).strip().splitlines()[0] if problem.orig else str(problem)
        yield Finding(
            check,
            False,
            f"连不上或读不了：{said}",
            f"cannot be reached or read: {said}",
            f"检查 {service.upper()}_DATABASE_URL、PostgreSQL 是否运行，并运行 linli migrate",
            f"check {service.upper()}_DATABASE_URL and PostgreSQL, and run linli migrate",
        )
    finally:
        engine.dispose()


def _migration(service: str, engine: Engine) -> Finding:
    head, at = migrations.head(service), migrations.current(engine)
    return Finding(
        f"{service}.migration",
        at == head,
        f"数据库在 {at}，代码需要 {head}",
        f"the database is at {at}, the code needs {head}",
        f"运行 linli migrate {service}",
        f"run linli migrate {service}",
    )


def _skew(service: str, engine: Engine) -> Finding:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))  # so that the connecting is not measured
        began = time.time()
        theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        ours = datetime.fromtimestamp((began + time.time()) / 2, UTC)
    skew_s = (theirs - ours).total_seconds()
    return Finding(
        f"{service}.clock",
        abs(skew_s) <= SKEW_MAX_S,
        f"与数据库主机相差 {skew_s:+.1f} 秒",
        f"{skew_s:+.1f} s off the database's host",
        "两台主机都启用 NTP 校时",
        "let NTP set the clocks of both hosts",
    )


def _rows(service: str, engine: Engine) -> Iterator[Finding]:
    with engine.connect() as connection:
        dead, age_s, items = connection.execute(_STATE).one()
    yield Finding(
        f"{service}.dead_letters",
        dead == 0,
        f"{dead} 条死信待处理",
        f"{dead} dead letters wait for a person",
        f"查看 linli dead-letters {service}，修正后 linli replay ID",
        f"see linli dead-letters {service}, mend the cause, then linli replay ID",
    )
    yield Finding(
        f"{service}.outbox",
        (age_s or 0) <= OUTBOX_AGE_MAX_S,
        f"发件箱 {items} 条，最早的已等 {age_s or 0:.0f} 秒",
        f"{items} items in the outbox, the oldest has waited {age_s or 0:.0f} s",
        f"检查 linli worker {service} 是否在运行、消息服务是否可达",
        f"check that linli worker {service} runs and can reach the broker",
    )


def _broker(name: str) -> Finding:
    check = "broker.partners" if "PARTNER" in name else "broker"
    try:
        parameters = pika.URLParameters(config.read(name))
        parameters.socket_timeout = parameters.stack_timeout = _BROKER_TIMEOUT_S
        parameters.blocked_connection_timeout = _BROKER_TIMEOUT_S
        pika.BlockingConnection(parameters).close()
    except MissingSetting as problem:
        zh, _, en = str(problem).partition(" / ")
        return Finding(check, False, zh, en)
    except (AMQPError, OSError) as problem:
        return Finding(
            check,
            False,
            f"连不上：{problem!r}",
            f"cannot be reached: {problem!r}",
            f"检查 {name} 与 RabbitMQ 是否运行",
            f"check {name} and that RabbitMQ runs",
        )
    return Finding(check, True, "可达", "can be reached")


def _topology() -> Finding:
    from shared.messaging import topology  # noqa: PLC0415 - broken settings must not stop the rest

    advice = ("运行 linli topology apply", "run linli topology apply")
    return _told(
        "broker.topology",
        lambda: [str(each) for each in topology.check(topology.read_settings())],
        advice,
    )


def _told(check: str, look: Callable[[], list[str]], advice: tuple[str, str]) -> Finding:
    try:
        wrong = look()
    except (LinliError, MissingSetting, ValueError) as problem:
        zh = problem.zh if isinstance(problem, LinliError) else str(problem)
        en = problem.en if isinstance(problem, LinliError) else str(problem)
        return Finding(check, False, zh, en, *advice)
    if not wrong:
        return Finding(check, True, "与声明一致", "as declared")
    shown = "; ".join(wrong[:5])
    return Finding(
        check,
        False,
        f"{len(wrong)} 处不同：{shown}",
        f"{len(wrong)} differences: {shown}",
        *advice,
    )
