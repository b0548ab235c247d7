"""What goes wrong at this door is told as the standard wants: a list of code and description."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from services.intake.api.open311.writing import answer
from services.intake.rules.open311.faults import BAD, Fault, Refused
from shared.errors import Conflict, LinliError, Rejected
from shared.web import problems
from shared.web.access import bearer_door

PREFIX = "/open311"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_BUSY = frozenset({429, 503})
_KEPT = frozenset({404, 405, 413, 429, 500, 503})


def add_errors(blueprint: Blueprint) -> None:
    """Answer everything that is raised on the way to its routes, and in them."""
    blueprint.register_error_handler(Refused, _refused)
    blueprint.register_error_handler(LinliError, _linli)
    blueprint.register_error_handler(HTTPException, _http)
    blueprint.register_error_handler(DBAPIError, _database)
    blueprint.register_error_handler(PoolTimeout, _database)
    blueprint.register_error_handler(Exception, _unexpected)


def make_elsewhere() -> Blueprint:
    """Whatever else is asked for below /open311: not there, or not by that method."""
    blueprint = Blueprint("open311_elsewhere", __name__)
    add_errors(blueprint)

    @bearer_door
    def nothing_here(rest: str = "") -> Response:
        adapter = current_app.url_map.bind("")
        allowed = [
            method
            for method in _METHODS
            if not adapter.match(request.path, method)[0].startswith(blueprint.name)
        ]
        raise MethodNotAllowed(allowed) if allowed else NotFound

    for rule in (PREFIX, f"{PREFIX}/", f"{PREFIX}/<rest:rest>"):
        blueprint.add_url_rule(rule, f"nothing{len(rule)}", nothing_here, methods=_METHODS)
    return blueprint


def told(faults: list[Fault], status: int) -> Response:
    """The list, with the status that goes with it."""
    response = answer(
        "errors", [{"code": one.code, "description": one.told} for one in faults], status
    )
    if status in _BUSY:
        response.headers["Retry-After"] = str(problems.RETRY_AFTER_S)
    return response


def _refused(refused: Refused) -> Response:
    return told(refused.faults, refused.status)


def _linli(error: LinliError) -> Response:
    status = BAD if isinstance(error, Rejected | Conflict) else error.status
    if status >= 500 and status not in _BUSY:
        return _unexpected(error)
    return told([Fault(status, error.code, error.zh, error.en)], status)


def _http(error: HTTPException) -> Response:
    status = error.code if error.code in _KEPT else BAD
    document = problems.problem_document(status)
    fault = Fault(status, document["code"], document["detail"], document["detail_en"])
    response = told([fault], status)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    if isinstance(error, RequestEntityTooLarge):
        # The unread rest of the body would be taken for the next request.
        response.headers["Connection"] = "close"
    return response


def _database(error: Exception) -> Response:
    problems.log_failure("the database failed at the Open311 door", error)
    if isinstance(error, DataError):
        return _http(HTTPException())
    is_away = isinstance(error, OperationalError | InterfaceError | PoolTimeout)
    return _status(503 if is_away else 500)


def _unexpected(error: Exception) -> Response:
    problems.log_failure("unexpected error at the Open311 door", error)
    return _status(500)


def _status(status: int) -> Response:
    document = problems.problem_document(status)
    return told(
        [Fault(status, document["code"], document["detail"], document["detail_en"])], status
    )
