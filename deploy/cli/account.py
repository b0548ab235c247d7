"""linli account"""

from __future__ import annotations

import click

from deploy.cli import services

ROLES = ("staff", "manager", "operator", "auditor", "partner", "resident")


@click.group(short_help="登录账号 / accounts that may sign in")
def account() -> None:
    """管理登录账号；没有默认密码 / accounts that may sign in; there is no default password."""


@account.command("add", short_help="新建 / add one")
@click.argument("login")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--name", "display_name", required=True, help="显示姓名 / the name that is shown")
@click.option("--subject", help="resident_no 或合伙人代号 / whose account it is")
def add(login: str, role: str, display_name: str, subject: str | None) -> None:
    """新建账号并显示一次初始密码 / add an account; its first password is shown once."""
    from services.intake.actions.accounts import add_account  # noqa: PLC0415
    from shared.messaging.transaction import transaction  # noqa: PLC0415

    with services.sessions_of("intake") as sessions, transaction(sessions) as tx:
        password = add_account(
            tx, login=login, role=role, subject=subject, display_name=display_name
        )
    click.echo(f"{login} ({role})")
    click.echo(f"初始密码，只显示这一次 / first password, shown only now: {password}")
