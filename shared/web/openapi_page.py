"""Reads an OpenAPI document into the few things its page shows; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_METHODS = ("get", "post", "put", "patch", "delete")
_RULE_PART = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_DEPTH_MAX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A parameter or a field of a body."""

    name: str
    kind: str
    required: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response of an operation."""

    status: str
    description: str
    media: str
    rows: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    access: str
    parameters: list[Row]
    body_media: str
    body: list[Row]
    answers: list[Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole document, operations grouped by tag."""

    title: str
    version: str
    groups: dict[str, list[Operation]] = field(default_factory=dict)


def path_of(rule: str) -> str:
    """A werkzeug rule as OpenAPI writes it: /events/<rest:rest> becomes /events/{rest}."""
    return _RULE_PART.sub(r"{\1}", rule)


def read(document: Mapping[str, Any]) -> Page:
    """The page of a document."""
    info = document.get("info", {})
    page = Page(title=info.get("title", ""), version=info.get("version", ""))
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["api"])[0]
                found = _operation(document, path, method, item)
                page.groups.setdefault(tag, []).append(found)
    return page


def _operation(
    document: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any]
) -> Operation:
    told = item[method]
    parameters = [
        _parameter(document, one)
        for one in [*item.get("parameters", []), *told.get("parameters", [])]
    ]
    media, body = _content(document, _resolve(document, told.get("requestBody", {})))
    return Operation(
        anchor=re.sub(r"[^a-z0-9]+", "-", f"{method}-{path}".lower()).strip("-"),
        method=method.upper(),
        path=path,
        summary=told.get("summary", ""),
        description=told.get("description", ""),
        access=_access(told),
        parameters=parameters,
        body_media=media,
        body=body,
        answers=[_answer(document, s, r) for s, r in sorted(told.get("responses", {}).items())],
    )


def _access(told: Mapping[str, Any]) -> str:
    if roles := told.get("x-roles"):
        return ", ".join(roles)
    security = told.get("security") or []
    return "Bearer" if any("bearer" in one for one in security) else ""


def _parameter(document: Mapping[str, Any], one: Mapping[str, Any]) -> Row:
    one = _resolve(document, one)
    kind = _kind(document, one.get("schema", {}))
    return Row(
        name=one.get("name", ""),
        kind=f"{one.get('in', '')} · {kind}",
        required=bool(one.get("required")),
        note=one.get("description", "") or _limits(one.get("schema", {})),
    )


def _answer(document: Mapping[str, Any], status: str, told: Mapping[str, Any]) -> Answer:
    told = _resolve(document, told)
    media, rows = _content(document, told)
    return Answer(status=status, description=told.get("description", ""), media=media, rows=rows)


def _content(document: Mapping[str, Any], holder: Mapping[str, Any]) -> tuple[str, list[Row]]:
    for media, inner in holder.get("content", {}).items():
        return media, _rows(document, inner.get("schema", {}), "", 0)
    return "", []


def _rows(
    document: Mapping[str, Any], schema: Mapping[str, Any], prefix: str, depth: int
) -> list[Row]:
    schema = _resolve(document, schema)
    if depth > _DEPTH_MAX:
        return []
    if "items" in schema:
        return _rows(document, schema["items"], prefix + "[]", depth + 1)
    required = schema.get("required", [])
    rows: list[Row] = []
    for name, inner in schema.get("properties", {}).items():
        label = f"{prefix}.{name}" if prefix else name
        resolved = _resolve(document, inner)
        rows.append(
            Row(
                name=label,
                kind=_kind(document, inner),
                required=name in required,
                note=inner.get("description", "") or _limits(resolved),
            )
        )
        if "properties" in resolved or "items" in resolved:
            rows += _rows(document, inner, label, depth + 1)
    return rows


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    schema = _resolve(document, schema)
    kind = schema.get("type", "object" if "properties" in schema else "any")
    shown = " | ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    if shown == "array":
        return f"array<{_kind(document, schema.get('items', {}))}>"
    return f"{shown} ({schema['format']})" if "format" in schema else shown


def _limits(schema: Mapping[str, Any]) -> str:
    names = ("enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "default")
    return "; ".join(
        f"{name}: {json.dumps(schema[name], ensure_ascii=False)}"
        for name in names
        if name in schema
    )


def _resolve(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(_DEPTH_MAX):
        target = node.get("$ref")
        if not isinstance(target, str) or not target.startswith("#/"):
            break
        found: Any = document
        for step in target[2:].split("/"):
            found = found.get(step, {})
        node = found
    return node
