"""A site that a browser can go to, and people who sign in to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from playwright.sync_api import Page as Tab
from playwright.sync_api import ViewportSize, expect
from werkzeug.serving import make_server

PATIENCE_MS = 60_000  # on a busy machine; what is there is seen at once
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The application behind an address of this machine."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def sign_in(tab: Tab, login: str, password: str, *, site: str = "") -> None:
    """Through the page, as a person does; `site` where the window has no address of its own."""
    tab.goto(f"{site}/sign-in")
    tab.fill("[name=login]", login)
    tab.fill("[name=password]", password)
    tab.click("main form button")
    expect(tab.locator("form.who")).to_be_visible()
