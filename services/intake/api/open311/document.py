"""Open311 in our OpenAPI document: stricter than the standard's own, one path for each format."""

from __future__ import annotations

from typing import Any, Final

from services.intake.api.open311.writing import JSON, MEDIA_TYPES
from services.intake.rules.open311.asking import ROWS_MAX, SKIPPED_MAX
from services.intake.rules.open311.attributes import AUTOMATED, DATATYPES
from services.intake.rules.open311.posted import (
    ADDRESS_CHARACTERS_MAX,
    CODE_CHARACTERS_MAX,
    ID_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    URL_CHARACTERS_MAX,
)
from services.intake.rules.open311.services import KINDS
from services.intake.rules.open311.statuses import EXTENDED, STATUSES, TOLD_BY_CLIENTS
from services.intake.rules.requests import DESCRIPTION_CHARACTERS_MAX
from shared.web.openapi import LinliApi

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_MAYBE: Final[Schema] = {"type": ["string", "null"]}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_MAYBE_MOMENT: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_CODE: Final[Schema] = {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{12}$"}


def _object(properties: Schema, *, optional: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_ATTRIBUTE = _object(
    {
        "variable": {"type": "boolean"},
        "code": _TEXT,
        "datatype": {"enum": list(DATATYPES)},
        "required": {"type": "boolean"},
        "datatype_description": _MAYBE,
        "order": {"type": "integer", "minimum": 1},
        "description": _TEXT,
        "automated": {"enum": list(AUTOMATED)},
        "values": _list(_object({"key": _TEXT, "name": _TEXT})),
    },
    optional=("automated", "values"),
)
SCHEMAS: Final[dict[str, Schema]] = {
    "Open311Errors": {
        **_list(_object({"code": _TEXT, "description": {**_TEXT, "minLength": 1}})),
        "minItems": 1,
    },
    "Open311Discovery": _object(
        {
            "changeset": _MAYBE,
            "contact": _TEXT,
            "key_service": _TEXT,
            "endpoints": _list(
                _object(
                    {
                        "specification": _TEXT,
                        "url": {"type": "string", "format": "uri"},
                        "changeset": _MAYBE,
                        "type": {"enum": ["production", "test"]},
                        "formats": _list(_TEXT),
                    }
                )
            ),
        }
    ),
    "Open311Services": _list(
        _object(
            {
                "service_code": _TEXT,
                "service_name": _TEXT,
                "description": _TEXT,
                "metadata": {"type": "boolean"},
                "type": {"enum": list(KINDS)},
                "keywords": _TEXT,
                "group": _TEXT,
            }
        )
    ),
    "Open311Definition": _object({"service_code": _TEXT, "attributes": _list(_ATTRIBUTE)}),
    "Open311Posted": _list(
        _object(
            {
                "service_request_id": _CODE,
                "token": _TEXT,
                "service_notice": _TEXT,
                "account_id": _MAYBE,
            },
            optional=("service_request_id", "token"),
        )
    ),
    "Open311Token": _list(_object({"service_request_id": _CODE, "token": _TEXT})),
    "Open311Requests": _list(
        _object(
            {
                "service_request_id": _CODE,
                "status": {"enum": list(STATUSES)},
                "status_notes": _TEXT,
                "service_name": _TEXT,
                "service_code": _TEXT,
                "description": _TEXT,
                "agency_responsible": _MAYBE,
                "service_notice": _MAYBE,
                "requested_datetime": _MOMENT,
                "updated_datetime": _MOMENT,
                "expected_datetime": _MAYBE_MOMENT,
                "address": _MAYBE,
                "address_id": _MAYBE,
                "zipcode": _MAYBE,
                "lat": {"type": ["number", "null"]},
                "long": {"type": ["number", "null"]},
                "media_url": _MAYBE,
                "extended_attributes": _object(
                    {
                        "title": _MAYBE,
                        "channel": _TEXT,
                        "extended_status": _TEXT,
                        "media_urls": _list(_TEXT),
                    }
                ),
            },
            optional=("extended_attributes",),
        )
    ),
    "Open311Updates": _list(
        _object(
            {
                "update_id": _TEXT,
                "service_request_id": _CODE,
                "status": {"enum": sorted(set(EXTENDED.values()))},
                "description": _TEXT,
                "updated_datetime": _MOMENT,
                "media_url": _MAYBE,
                "external_status_code": _TEXT,
                "extras": {"type": "object"},
            }
        )
    ),
    "Open311Updated": _list(_object({"update_id": _TEXT})),
}

_JURISDICTION = ("jurisdiction_id", "区县、街道或社区编码 / district, street or community")
_LIST_QUERY: Final = {
    "service_request_id": (_TEXT, "逗号分隔；给出时忽略其他条件 / by commas; overrides the others"),
    "service_code": (_TEXT, "逗号分隔 / by commas"),
    "start_date": (_MOMENT, "起止相距不超过 90 天 / at most 90 days"),
    "end_date": (_MOMENT, ""),
    "status": (_TEXT, "open, closed"),
    "page": ({"type": "integer", "minimum": 1, "maximum": SKIPPED_MAX}, ""),
    "page_size": ({"type": "integer", "minimum": 1, "maximum": ROWS_MAX}, ""),
    "extensions": ({"enum": ["true", "false"]}, ""),
    "api_key": (_TEXT, "另见自己提交的 / shows your own besides"),
}
_UPDATES_QUERY: Final = {name: _LIST_QUERY[name] for name in ("start_date", "end_date", "api_key")}


def _limited(most: int) -> Schema:
    return {"type": "string", "maxLength": most}


_FORM: Final[Schema] = {
    "type": "object",
    "required": ["api_key", "service_code"],
    "properties": {
        "api_key": _TEXT,
        "service_code": _limited(CODE_CHARACTERS_MAX),
        "jurisdiction_id": _limited(CODE_CHARACTERS_MAX),
        "lat": {"type": "number", "minimum": -90, "maximum": 90},
        "long": {"type": "number", "minimum": -180, "maximum": 180},
        "address_string": _limited(ADDRESS_CHARACTERS_MAX),
        "address_id": _limited(CODE_CHARACTERS_MAX),
        "description": _limited(DESCRIPTION_CHARACTERS_MAX),
        "first_name": _limited(NAME_CHARACTERS_MAX),
        "last_name": _limited(NAME_CHARACTERS_MAX),
        "email": {"type": "string", "format": "email"},
        "phone": _TEXT,
        "device_id": _limited(ID_CHARACTERS_MAX),
        "account_id": _limited(ID_CHARACTERS_MAX),
        "media_url": {"type": "string", "format": "uri", "maxLength": URL_CHARACTERS_MAX},
        "attribute[fixmystreet_id]": _limited(ID_CHARACTERS_MAX),
    },
}
_UPDATE_FORM: Final[Schema] = {
    "type": "object",
    "required": ["api_key", "service_request_id", "update_id", "status", "description"],
    "properties": {
        "api_key": _TEXT,
        "service_request_id": _CODE,
        "update_id": _limited(ID_CHARACTERS_MAX),
        "status": {"enum": sorted(word.upper() for word in TOLD_BY_CLIENTS)},
        "description": _limited(DESCRIPTION_CHARACTERS_MAX),
        "updated_datetime": _MOMENT,
    },
}
_FAILURES: Final = {
    400: "请求有误 / something in it is wrong",
    403: "密钥缺失或无效 / no key, or not a good one",
    404: "没有这项服务、诉求、令牌或辖区 / there is no such thing",
    413: "内容过大 / too large",
    429: "超出配额 / over the quota, see Retry-After",
    503: "暂不可用 / see Retry-After",
}


def declare(api: LinliApi) -> None:
    """Put the shapes under the names that the routes refer to."""
    for name, schema in SCHEMAS.items():
        api.spec.components.schema(name, schema)


def reads(shape: str, root: str, form: str, *, query: dict[str, Any] | None = None) -> Schema:
    """The document of a GET."""
    parameters = [
        _parameter(name, schema, about) for name, (schema, about) in (query or {}).items()
    ]
    parameters.append(_parameter(_JURISDICTION[0], _TEXT, _JURISDICTION[1]))
    return {
        "parameters": parameters,
        "security": [],
        "responses": _responses(shape, root, form, [400, 403, 404, 503]),
    }


def lists(shape: str, root: str, form: str, *, of_updates: bool = False) -> Schema:
    """The document of a GET with filters."""
    return reads(shape, root, form, query=_UPDATES_QUERY if of_updates else _LIST_QUERY)


def posts(shape: str, root: str, form: str, *, of_updates: bool = False) -> Schema:
    """The document of a POST."""
    body = _UPDATE_FORM if of_updates else _FORM
    return {
        "parameters": [
            {"name": "Idempotency-Key", "in": "header", "schema": _limited(ID_CHARACTERS_MAX)}
        ],
        "security": [],  # the key is a field of the form, as the standard has it
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {"schema": body},
                "multipart/form-data": {"schema": body},
            },
        },
        "responses": _responses(shape, root, form, list(_FAILURES)),
    }


def _parameter(name: str, schema: Schema, about: str) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": about}


def _responses(shape: str, root: str, form: str, failures: list[int]) -> Schema:
    return {
        "200": {"description": "OK", "content": _content(shape, root, form)},
        **{
            str(status): {
                "description": _FAILURES[status],
                "content": _content("Open311Errors", "errors", form),
            }
            for status in failures
        },
    }


def _content(shape: str, root: str, form: str) -> Schema:
    if form == JSON:
        schema: Schema = {"$ref": f"#/components/schemas/{shape}"}
    else:
        schema = {"type": "object", "xml": {"name": root}}
    return {MEDIA_TYPES[form]: {"schema": schema}}
