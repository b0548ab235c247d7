"""OpenAPI of a service: the document at /<svc>/openapi.json, a plain page at /<svc>/docs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import flask
import flask_smorest  # type: ignore[import-untyped, unused-ignore]
from flask import Flask, Response, current_app, render_template

from shared.web import openapi_page
from shared.web.access import View, access_of, public
from shared.web.problems import PROBLEM_JSON, ProblemSchema
from shared.web.routing import RestConverter
from shared.web.settings import product_version

OPENAPI_VERSION = "3.1.0"
_METHODS = ("get", "put", "post", "delete", "patch")


class ApiBlueprint(flask_smorest.Blueprint):  # type: ignore[misc, unused-ignore]
    """A flask-smorest blueprint whose errors are always problem documents, never pages."""

    is_linli_api = True

    if TYPE_CHECKING:  # flask-smorest has no types; these are the decorators we use

        def get(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def post(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def put(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def patch(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def delete(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def route(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def arguments(self, schema: Any, **options: Any) -> Callable[[View], View]: ...
        def response(
            self, status_code: int, schema: Any = None, **options: Any
        ) -> Callable[[View], View]: ...
        def alt_response(self, status_code: int, **options: Any) -> Callable[[View], View]: ...
        def doc(self, **options: Any) -> Callable[[View], View]: ...


class LinliApi(flask_smorest.Api):  # type: ignore[misc, unused-ignore]
    """flask-smorest without its own error handler: problems.py answers for all."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Leave errors to the base app."""


def create_api(app: Flask, service: str, *, title: str) -> LinliApi:
    """The Api that a service registers its blueprints on, with the document and its page."""
    app.config.update(
        API_TITLE=title, API_VERSION=product_version(), OPENAPI_VERSION=OPENAPI_VERSION
    )
    api = LinliApi(app)
    api.register_converter(RestConverter, lambda _converter: {"type": "string"})
    schemes = api.spec.components
    schemes.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    schemes.security_scheme(
        "session",
        {"type": "apiKey", "in": "cookie", "name": app.config["SESSION_COOKIE_NAME"]},
    )

    @public
    def openapi_json() -> Response:
        return Response(
            flask.json.dumps(openapi_document(api), indent=2), mimetype="application/json"
        )

    @public
    def docs() -> str:
        return render_template(
            "openapi.html", page=openapi_page.read(openapi_document(api)), service=service
        )

    app.add_url_rule(f"/{service}/openapi.json", "openapi_json", openapi_json)
    app.add_url_rule(f"/{service}/docs", "openapi_docs", docs)
    app.extensions["linli.api"] = api
    return api


def openapi_document(api: LinliApi) -> dict[str, Any]:
    """The finished document: problems under their media type, who may call each operation."""
    document: dict[str, Any] = api.spec.to_dict()
    for response in document.get("components", {}).get("responses", {}).values():
        _as_problem(response)
    for path in document.get("paths", {}).values():
        for operation in path.values():
            if isinstance(operation, dict):
                for response in operation.get("responses", {}).values():
                    _as_problem(response)
    _declare_access(document)
    return document


def _as_problem(response: dict[str, Any]) -> None:
    content = response.get("content", {})
    shown = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    if shown.endswith("/Problem"):
        content[PROBLEM_JSON] = content.pop("application/json")


def _declare_access(document: dict[str, Any]) -> None:
    app = current_app
    for rule in app.url_map.iter_rules():
        path = document.get("paths", {}).get(openapi_page.path_of(rule.rule))
        if path is None:
            continue
        for method in _METHODS:
            # Two routes may share a path; each speaks for its own methods only.
            if method not in path or method.upper() not in (rule.methods or ()):
                continue
            access = access_of(app, rule.endpoint, method.upper())
            if access is None or "security" in path[method]:
                continue
            if access.kind == "roles":
                path[method]["security"] = [{"session": []}]
                path[method]["x-roles"] = sorted(access.roles)
            else:
                path[method]["security"] = [{"bearer": []}] if access.kind == "bearer" else []
