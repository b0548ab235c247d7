"""Scripts and styles of intake's pages, from its own `static` folder."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, send_from_directory
from werkzeug.wrappers import Response

from shared.web.access import public

PATH = "/intake/static"
FOLDER = Path(__file__).parents[1] / "static"
WORKER = "offline_worker.js"


@cache
def intake_asset(name: str) -> str:
    """The address of a file; it changes with the file, so caches never serve an old one."""
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"{PATH}/{name}?v={digest}"


def make_files(app: Flask) -> Blueprint:
    """`/intake/static/<name>`; templates get `intake_asset(name)`."""
    app.jinja_env.globals["intake_asset"] = intake_asset
    blueprint = Blueprint("intake_files", __name__)

    @blueprint.get(PATH + "/<name>")
    @public
    def send_file(name: str) -> Response:
        answer = send_from_directory(FOLDER, name)
        if name == WORKER:
            # A worker may only serve pages below its own address unless the server says more;
            # its address stays the same, so that a new one replaces the old.
            answer.headers["Service-Worker-Allowed"] = "/"
            answer.headers["Cache-Control"] = "no-cache"
        return answer

    return blueprint
