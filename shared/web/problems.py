"""What goes wrong, told: RFC 9457 problem documents for programs, a friendly page for people."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

from flask import Flask, Response, render_template
from marshmallow import Schema, ValidationError, fields
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from shared.errors import LinliError, TooMany, Unavailable
from shared.web import negotiation, tracing, violations
from shared.web.access import current_access
from shared.web.violations import Violation

PROBLEM_JSON = "application/problem+json"
PROBLEM_URN = "urn:linli:problem:"
RETRY_AFTER_S = 5

_log = logging.getLogger("linli.web")

# status: (code, title, title_en, detail, detail_en)
_KNOWN: dict[int, tuple[str, str, str, str, str]] = {
    400: ("bad_request", "请求无效", "Bad request",
          "请求的格式不对。", "The request is not well formed."),
    401: ("not_signed_in", "请先登录", "Please sign in",
          "需要先证明您是谁。", "You have to say who you are first."),
    403: ("forbidden", "没有权限", "Not allowed",
          "您没有此项权限。", "You are not allowed to do this."),
    404: ("not_found", "没有找到", "Not found",
          "没有这个页面或内容，可能已经移走。", "There is nothing here; it may have moved."),
    405: ("method_not_allowed", "方法不支持", "Method not allowed",
          "此地址不支持这种操作。", "This address does not take that method."),
    406: ("not_acceptable", "格式不支持", "Not acceptable",
          "无法按所要的格式回答。", "It cannot be answered in that format."),
    408: ("timeout", "请求超时", "Request timed out",
          "请求迟迟没有发完。", "The request was not sent in time."),
    409: ("conflict", "状态冲突", "Conflict",
          "内容已有变化，请刷新后重试。", "It has changed meanwhile; reload and try again."),
    411: ("length_required", "缺少长度", "Length required",
          "请求须写明长度。", "The request must state its length."),
    412: ("precondition_failed", "前提不符", "Precondition failed",
          "内容已有变化，请刷新后重试。", "It has changed meanwhile; reload and try again."),
    413: ("too_large", "内容过大", "Too large",
          "发送的内容超过上限。", "What was sent is larger than the limit."),
    414: ("uri_too_long", "地址过长", "Address too long",
          "地址太长。", "The address is too long."),
    415: ("unsupported_media_type", "类型不支持", "Unsupported media type",
          "不接受这种内容类型。", "This content type is not accepted."),
    422: ("invalid", "内容无法处理", "Cannot be processed",
          "有的项目填写不对，请逐项修改。", "Some fields are wrong; mend them one by one."),
    428: ("precondition_required", "缺少前提", "Precondition required",
          "请求须带 If-Match。", "The request must carry If-Match."),
    429: ("too_many_requests", "请求过多", "Too many requests",
          "请稍后再试。", "Please try again a little later."),
    431: ("headers_too_large", "请求头过大", "Headers too large",
          "请求头超过上限。", "The headers are larger than the limit."),
    500: ("internal", "系统出错", "Something went wrong",
          "系统内部出错，已记录。请稍后再试。", "An internal error; it has been recorded."),
    501: ("not_implemented", "尚不支持", "Not supported",
          "尚不支持此项操作。", "This is not supported yet."),
    503: ("unavailable", "暂时不可用", "Temporarily unavailable",
          "系统正忙，请稍后再试。", "The system is busy; please try again shortly."),
}  # fmt: skip
_CHAIN_MAX = 5
_PASSED_ON = ("Allow", "Retry-After", "WWW-Authenticate", "Content-Range")


class ProblemItemSchema(Schema):
    """One broken field."""

    pointer = fields.String(metadata={"description": "RFC 6901 JSON pointer into the body"})
    parameter = fields.String(metadata={"description": "Name of a parameter outside the body"})
    location = fields.String(data_key="in", metadata={"description": "Where the parameter is"})
    detail = fields.String(required=True)
    detail_en = fields.String(required=True)


class ProblemSchema(Schema):
    """RFC 9457; documents the answers, is not used to write them."""

    type = fields.String(required=True, metadata={"example": PROBLEM_URN + "not_found"})
    title = fields.String(required=True)
    title_en = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True, metadata={"description": "Stable, for programs"})
    detail = fields.String(required=True)
    detail_en = fields.String(required=True)
    pointer = fields.String()
    errors = fields.List(fields.Nested(ProblemItemSchema))
    request_id = fields.String(required=True)


def known_status(status: int) -> int:
    """The status itself, or the nearest one that has words of its own."""
    if status in _KNOWN:
        return status
    return 400 if 400 <= status < 500 else 500


def problem_document(
    status: int,
    *,
    code: str | None = None,
    zh: str | None = None,
    en: str | None = None,
    pointer: str | None = None,
    errors: Sequence[Violation] = (),
) -> dict[str, Any]:
    """The body of a problem; what is not given is the status' own code and words."""
    own_code, title, title_en, detail, detail_en = _KNOWN[known_status(status)]
    code = code or own_code
    document: dict[str, Any] = {
        "type": PROBLEM_URN + code,
        "title": title,
        "title_en": title_en,
        "status": status,
        "code": code,
        "detail": zh or detail,
        "detail_en": en or zh or detail_en,
        "request_id": tracing.request_id(),
    }
    if pointer is not None:
        document["pointer"] = pointer
    if errors:
        document["errors"] = [one.as_dict() for one in errors]
    return document


def answer(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The problem as JSON or as a page, whichever the caller reads."""
    status = int(document["status"])
    if negotiation.wants_html():
        response = Response(
            render_template("error.html", problem=document), status, mimetype="text/html"
        )
    else:
        response = as_json(document)
    response.headers.extend(headers or {})
    response.headers.setdefault("Cache-Control", "no-store")
    response.vary.add("Accept")
    if status in {429, 503}:
        response.headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    if status == 401:
        access = current_access()
        bearer = access is not None and access.kind == "bearer"
        response.headers.setdefault(
            "WWW-Authenticate", 'Bearer realm="linli"' if bearer else 'Session realm="linli"'
        )
    return response


def as_json(document: Mapping[str, Any]) -> Response:
    """The problem as application/problem+json, whatever the caller asked for."""
    body = json.dumps(document, ensure_ascii=False) + "\n"
    # A lone surrogate from the input would not encode; it is shown as `?`.
    return Response(
        body.encode("utf-8", "replace"), int(document["status"]), content_type=PROBLEM_JSON
    )


def problem_bytes(status: int) -> bytes:
    """A problem outside of any request, for what fails before Flask knows of one."""
    return (json.dumps(problem_document(status), ensure_ascii=False) + "\n").encode()


def install(app: Flask) -> None:
    """Answer every error of the app: our own, marshmallow's, werkzeug's and the unexpected."""
    app.register_error_handler(LinliError, _linli_error)
    app.register_error_handler(ValidationError, _validation_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(PoolTimeout, _no_connection)
    app.register_error_handler(Exception, _unexpected)


def _linli_error(error: LinliError) -> Response:
    if error.status >= 500 and not isinstance(error, Unavailable):
        return _unexpected(error)
    headers = {}
    if isinstance(error, TooMany | Unavailable):
        headers["Retry-After"] = str(max(1, error.retry_after_s))
    document = problem_document(
        error.status, code=error.code, zh=error.zh, en=error.en, pointer=error.pointer
    )
    return answer(document, headers)


def _validation_error(error: ValidationError) -> Response:
    return answer(_invalid(violations.of_body(error.messages)))


def _invalid(found: Sequence[Violation]) -> dict[str, Any]:
    first = next((one.pointer for one in found if one.pointer), None)
    return problem_document(422, pointer=first, errors=found)


def _http_error(error: HTTPException) -> BaseResponse:
    if error.response is not None:  # abort(response): the view has answered already
        return cast(BaseResponse, error.response)
    status = error.code or 500
    kept = {name: value for name, value in error.get_headers() if name in _PASSED_ON}
    data = getattr(error, "data", None)
    messages = data.get("messages") if isinstance(data, Mapping) else None
    if messages:
        found = violations.of_request(messages)
        first = next((one.pointer for one in found if one.pointer), None)
        return answer(problem_document(status, pointer=first, errors=found), kept)
    if isinstance(error, RequestEntityTooLarge):
        # The unread rest of the body would be taken for the next request.
        kept["Connection"] = "close"
    return answer(problem_document(status), kept)


def _unexpected(error: Exception) -> Response:
    log_failure("unexpected error", error)
    try:
        return answer(problem_document(500))
    except Exception as second:  # noqa: BLE001 - the page is broken, the document still says it
        log_failure("the error page failed", second)
        return as_json(problem_document(500))


def _database_error(error: DBAPIError) -> Response:
    if isinstance(error, DataError):
        # A value the column cannot hold and no schema refused: the sender's, most likely.
        log_failure("the database refused a value", error)
        return answer(problem_document(422))
    if isinstance(error, OperationalError | InterfaceError):
        log_failure("the database is not available", error)
        return answer(problem_document(503))
    return _unexpected(error)


def _no_connection(error: PoolTimeout) -> Response:
    log_failure("no database connection is free", error)
    return answer(problem_document(503))


class _Withheld(Exception):
    """Stands in a log for an exception whose own text is kept out of it."""


def log_failure(message: str, error: BaseException) -> None:
    """Log where it failed and its kind, not its text: that may quote what somebody typed."""
    kinds, link = [type(error).__name__], error.__cause__ or error.__context__
    while link is not None and len(kinds) < _CHAIN_MAX:
        kinds.append(type(link).__name__)
        link = link.__cause__ or link.__context__
    shown = _Withheld(" <- ".join(kinds))
    _log.error(message, exc_info=(_Withheld, shown, error.__traceback__))
