"""linli web"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deploy.cli import services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 16  # those that wait at the partner door share a transaction
GRACE_S = 25  # less than what docker compose waits before it kills
KEEP_ALIVE_S = 15

_MEMORY = "/dev/shm"  # noqa: S108 - heartbeats of gunicorn, which must not touch a disk


@click.command(short_help="运行网页与接口 / run the web face")
@click.argument("names", metavar="[SVC...]", nargs=-1, type=click.Choice(services.NAMES))
def web(names: tuple[str, ...]) -> None:
    """运行一个服务的网页与接口；不写则四个同址 / one service's, or all four at one address.

    端口 LINLI_HTTP_PORT（8000），进程数 LINLI_WEB_WORKERS（1），绑定 LINLI_HTTP_HOST（0.0.0.0）。
    Port LINLI_HTTP_PORT (8000), processes LINLI_WEB_WORKERS (1), address LINLI_HTTP_HOST (0.0.0.0).
    """
    from shared import config  # noqa: PLC0415 - this module imports no metrics

    if not config.read("PROMETHEUS_MULTIPROC_DIR", ""):
        # Must be set before metrics are first imported: several processes count together.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = _metrics_directory()
    host = config.read("LINLI_HTTP_HOST", "0.0.0.0")  # noqa: S104 - a container's own network
    port = config.read_int("LINLI_HTTP_PORT", 8000)
    _serve(
        names or services.NAMES,
        {
            "bind": f"{host}:{port}",
            "workers": config.read_int("LINLI_WEB_WORKERS", 1),
            "worker_class": "gthread",
            "threads": THREADS,
            "graceful_timeout": GRACE_S,
            "timeout": 60,
            "keepalive": KEEP_ALIVE_S,
            "accesslog": None,  # the app writes its own, without personal data
            "errorlog": "-",
            "loglevel": "warning",
            "preload_app": False,
            "worker_tmp_dir": _MEMORY if Path(_MEMORY).is_dir() else None,
            "limit_request_field_size": 16_380,
            "proc_name": "linli-web",
            "control_socket_disable": True,  # it would be one file for all servers of a user
        },
    )


def _metrics_directory() -> str:
    """A directory that goes when this process goes; not when one of its workers does."""
    directory, owner = tempfile.mkdtemp(prefix="linli-metrics-"), os.getpid()

    def clear() -> None:
        if os.getpid() == owner:
            shutil.rmtree(directory, ignore_errors=True)

    atexit.register(clear)
    return directory


def _serve(names: tuple[str, ...], options: dict[str, Any]) -> None:
    from gunicorn.app.base import BaseApplication  # noqa: PLC0415

    from shared import garbage  # noqa: PLC0415

    class Server(BaseApplication):  # type: ignore[misc]
        """gunicorn, told by us instead of by a file."""

        def load_config(self) -> None:
            """Take over the options."""
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> WSGIApplication:
            """Make the application; runs in each worker process."""
            app = make_application(names)
            garbage.settle()
            return app

    Server().run()


def make_application(names: tuple[str, ...]) -> WSGIApplication:
    """One service's app, or several behind one address."""
    from shared import config, log  # noqa: PLC0415
    from shared.web.combined import create_combined_app  # noqa: PLC0415
    from shared.web.settings import read_web_settings  # noqa: PLC0415

    log.configure(config.read("LINLI_LOG_LEVEL", "INFO"))
    apps = {
        name: importlib.import_module(f"services.{name}.app").create_app(services.settings_of(name))
        for name in names
    }
    if len(apps) == 1:
        app: WSGIApplication = apps[names[0]]
        return app
    return create_combined_app(apps, settings=read_web_settings())
