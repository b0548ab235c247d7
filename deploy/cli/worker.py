"""linli worker"""

from __future__ import annotations

import importlib

import click

from deploy.cli import services


@click.command(short_help="运行一个服务的后台进程 / run a service's worker")
@services.one
def worker(service: str) -> None:
    """运行一个服务的后台进程，直到收到 SIGTERM / run a service's worker until SIGTERM.

    指标端口：LINLI_METRICS_PORT，0 为不开 / its metrics port; 0 opens none.
    """
    from shared import config, log  # noqa: PLC0415
    from shared.messaging.worker import Worker  # noqa: PLC0415

    log.configure(config.read("LINLI_LOG_LEVEL", "INFO"))
    create_worker = importlib.import_module(f"services.{service}.worker").create_worker
    Worker(create_worker(services.settings_of(service, of_worker=True))).run(
        config.read_int("LINLI_METRICS_PORT", 0)
    )
