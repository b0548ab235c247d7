"""linli partner"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from deploy.cli import services

if TYPE_CHECKING:
    from services.partners.clients import PartnerBroker
    from services.partners.tasks import Credentials
    from shared.db.session import Sessions

EVENT_TYPES = (
    "linli.activity.attended.v1",
    "linli.redemption.collected.v1",
    "linli.request.submitted.v1",
    "linli.wish.fulfilled.v1",
    "linli.wish.claimed.v1",
)

KINDS = ("enterprise", "volunteer_team", "government", "merchant", "talent", "other")

slug_argument = click.argument("slug")


@click.group(short_help="合伙人 / partners")
def partner() -> None:
    """登记合伙人，更换、停用或注销其凭据 / register partners; rotate, suspend, revoke."""


@partner.command("add", short_help="登记 / register")
@slug_argument
@click.option("--name", required=True, help="名称 / name")
@click.option("--kind", type=click.Choice(KINDS), default="other", show_default=True)
@click.option("--system", default="main", show_default=True, help="系统名 / its system's name")
@click.option("--agreement", "no", required=True, help="意向书编号 / number of the agreement")
@click.option("--from", "valid_from", type=click.DateTime(["%Y-%m-%d"]), required=True)
@click.option("--to", "valid_to", type=click.DateTime(["%Y-%m-%d"]), required=True)
@click.option(
    "--event-type",
    "event_types",
    multiple=True,
    default=EVENT_TYPES,
    help="可多次；默认三种 / repeat it; all three when left out",
)
def add(slug: str, **said: Any) -> None:
    """登记合伙人并显示一次凭据 / register a partner; its credentials are shown once."""
    from services.partners import tasks  # noqa: PLC0415
    from services.partners.actions.organisations import NewPartner, Terms  # noqa: PLC0415
    from services.partners.rules.organisations import Kind  # noqa: PLC0415

    terms = Terms(
        no=said["no"],
        valid_from=said["valid_from"].date(),
        valid_to=said["valid_to"].date(),
        event_types=list(said["event_types"]),
    )
    new = NewPartner(
        slug=slug,
        name=said["name"],
        kind=Kind(said["kind"]),
        terms=terms,
        system=said["system"],
    )
    with _opened() as (sessions, broker):
        _show(tasks.add(sessions, broker, new, by=_by()))


@partner.command("rotate", short_help="更换凭据 / new credentials")
@slug_argument
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, 720),
    default=168,
    show_default=True,
    help="旧 API 密钥继续有效的小时数，0 为立即切断 / hours the old key works on; 0 cuts it now",
)
def rotate(slug: str, overlap_hours: int) -> None:
    """更换 API 密钥与 AMQP 密码，显示一次 / a new key and password, shown once."""
    from services.partners import tasks  # noqa: PLC0415

    overlap = timedelta(hours=overlap_hours)
    with _opened() as (sessions, broker):
        _show(tasks.rotate(sessions, broker, slug, overlap=overlap, by=_by()))


@partner.command("suspend", short_help="停用 / keep out")
@slug_argument
@click.option("--reason", required=True, help="原因，合伙人可见 / why; the partner is told")
def suspend(slug: str, reason: str) -> None:
    """停用并切断其连接 / keep a partner out; its live connections are cut."""
    from services.partners import tasks  # noqa: PLC0415

    with _opened() as (sessions, broker):
        tasks.suspend(sessions, broker, slug, reason=reason, by=_by())
    click.echo(f"{slug}: 已停用 / suspended")


@partner.command("activate", short_help="启用 / let in again")
@slug_argument
def activate(slug: str) -> None:
    """重新启用 / let a suspended partner in again."""
    _change(slug, "activate", "已启用 / active")


@partner.command("revoke", short_help="注销 / end for good")
@slug_argument
@click.confirmation_option("--yes", prompt="注销不可恢复，确定？ / for good: are you sure?")
def revoke(slug: str) -> None:
    """注销，不可恢复 / end it for good: keys, user and exchange are removed."""
    _change(slug, "revoke", "已注销 / revoked")


def _change(slug: str, verb: str, said: str) -> None:
    from services.partners import tasks  # noqa: PLC0415

    change: Callable[..., None] = getattr(tasks, verb)
    with _opened() as (sessions, broker):
        change(sessions, broker, slug, by=_by())
    click.echo(f"{slug}: {said}")


@contextmanager
def _opened() -> Iterator[tuple[Sessions, PartnerBroker]]:
    from services.partners.config import read_worker_settings  # noqa: PLC0415
    from services.partners.worker import make_broker  # noqa: PLC0415

    broker = make_broker(read_worker_settings())
    with services.sessions_of("partners") as sessions:
        yield sessions, broker


def _show(credentials: Credentials) -> None:
    click.echo(f"{credentials.slug}: 以下只显示这一次 / shown only now")
    click.echo(f"  AMQP {credentials.slug} / {credentials.amqp_password}")
    click.echo(f"  HTTP Authorization: Bearer {credentials.api_key}")


def _by() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return "cli"
