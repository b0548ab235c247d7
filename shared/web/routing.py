"""How addresses are matched."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import BaseConverter


class RestConverter(BaseConverter):
    """`<rest:name>`: everything that is left of the path, leading and double slashes included.

    Servers decode %2F before the application sees the path, so a CloudEvents source written as
    one encoded segment arrives as `/events//partners/<slug>/<system>/<id>`. Werkzeug's own `path`
    does not match a leading slash. The source has exactly three segments, so the route can cut
    it off and keep any slash that belongs to the id.
    """

    part_isolating = False
    regex = ".+"
    weight = 300


def install(app: Flask) -> None:
    """Take paths as they come: `//` is not redirected away. Before any rule is added."""
    app.url_map.merge_slashes = False
    app.url_map.converters["rest"] = RestConverter
