"""linli partner"""

from __future__ import annotations

import click


@click.group(short_help="合伙人 / partners")
def partner() -> None:
    """登记合伙人，更换、停用或注销其凭据 / register partners; rotate, suspend, revoke."""
