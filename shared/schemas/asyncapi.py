"""The AsyncAPI 3.0 document: the partners' doors and the district's own exchange.

The AMQP binding has no words for queue types, limits and rights; `x-linli-` fields say those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.schemas import (
    corrections,
    hall,
    households,
    intake,
    notify,
    partners,
    points,
    redemptions,
    time_bank,
    wire,
    wishes,
    worker,
)
from shared.schemas.registry import SCHEMAS

Document = dict[str, Any]

_BINDING = "0.3.0"
_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_PERSISTENT = 2

_SPEAKERS = {
    "intake": intake.SCHEMAS | wishes.SCHEMAS | hall.SCHEMAS,
    "points": points.SCHEMAS
    | households.SCHEMAS
    | redemptions.SCHEMAS
    | corrections.SCHEMAS
    | time_bank.SCHEMAS,
    "partners": partners.SCHEMAS,
    "notify": notify.SCHEMAS,
    "worker": worker.SCHEMAS,
}


def asyncapi(examples: Mapping[str, Mapping[str, Document]]) -> Document:
    """The whole document; `examples` are golden examples by type and name."""
    internal = [kind for kind in SCHEMAS if kind not in wire.SCHEMAS]
    channels = {"partner-in": _door(), "partner-out": _reply()}
    operations = {"postEvent": _post(), "sendVerdict": _answer()}
    for kind in internal:
        channels[kind] = _topic(kind)
        operations[f"say-{_key(kind)}"] = _say(kind)
        operations[f"hear-{_key(kind)}"] = _hear(kind)
    messages = {kind: _message(kind, examples.get(kind, {})) for kind in SCHEMAS}
    messages["verdict"] = {
        "name": "verdict",
        "title": "verdict",
        "summary": "对一个合伙人事件的裁定 / the verdict on one partner event",
        "contentType": "application/json",
        "payload": {"$ref": "./schemas/verdict.json"},
    }
    return {
        "asyncapi": "3.0.0",
        "id": "urn:linli:events",
        "info": {
            "title": "邻里 Linli",
            "version": "1.0.0",
            "description": _INTRODUCTION,
        },
        "defaultContentType": _STRUCTURED,
        "servers": {
            "partners": _server("partners", "合伙人系统的入口 / where partner systems post"),
            "district": _server("linli", "四个服务之间 / between the four services"),
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "securitySchemes": {
                "account": {
                    "type": "userPassword",
                    "description": "用户名即合伙人代号 / the user name is the partner's slug",
                }
            },
        },
    }


_INTRODUCTION = (
    "事件为 CloudEvents 1.0。合伙人系统可用结构化（application/cloudevents+json）、批量"
    "（application/cloudevents-batch+json）或二进制（消息头 ce-…，也接受 cloudEvents: 与"
    " cloudEvents_）三种方式提交；每个事件都有裁定。身份以所用交换机为准，与正文无关。\n\n"
    "Events are CloudEvents 1.0. A partner system posts structured, batched or binary (headers"
    " ce-…, cloudEvents: and cloudEvents_ too); every event gets a verdict. Identity is the"
    " exchange it came through, never the body."
)


def _key(kind: str) -> str:
    return kind.removeprefix("linli.").replace(".", "-")


def _ref(path: str) -> Document:
    return {"$ref": f"#/{path}"}


def _server(vhost: str, description: str) -> Document:
    return {
        "host": "{host}:{port}",
        "pathname": f"/{vhost}",
        "protocol": "amqp",
        "protocolVersion": "0.9.1",
        "description": description,
        "variables": {"host": {"default": "localhost"}, "port": {"default": "5672"}},
        "security": [_ref("components/securitySchemes/account")],
    }


_SLUG = {"slug": {"description": "合伙人代号 / the partner's slug"}}


def _door() -> Document:
    return {
        "address": "in.{slug}",
        "title": "合伙人入口 / a partner's own exchange",
        "description": "路由键写事件类型，仅为方便 / routing key = event type, not relied upon",
        "servers": [_ref("servers/partners")],
        "parameters": _SLUG,
        "messages": {kind: _ref(f"components/messages/{kind}") for kind in wire.SCHEMAS},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": _exchange("in.{slug}", "fanout", "partners"),
                "bindingVersion": _BINDING,
            }
        },
        "x-linli-queue": {"name": "ingress", "type": "quorum", "vhost": "partners"},
        "x-linli-rights": {
            "user": "{slug}",
            "vhost": "partners",
            "configure": "^$",
            "write": "^in\\.{slug}$",
            "read": "^out\\.{slug}$",
        },
        "x-linli-refused-headers": ["CC", "BCC"],
        "x-linli-content-types": [_STRUCTURED, _BATCH, "application/json"],
    }


def _reply() -> Document:
    return {
        "address": "out.{slug}",
        "title": "合伙人回执 / a partner's own reply queue",
        "servers": [_ref("servers/partners")],
        "parameters": _SLUG,
        "messages": {"verdict": _ref("components/messages/verdict")},
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {
                    "name": "out.{slug}",
                    "durable": True,
                    "exclusive": False,
                    "autoDelete": False,
                    "vhost": "partners",
                },
                "bindingVersion": _BINDING,
            }
        },
        "x-linli-queue": {
            "name": "out.{slug}",
            "bounded": True,
            "overflow": "drop-head",
            "vhost": "partners",
        },
    }


def _topic(kind: str) -> Document:
    return {
        "address": kind,
        "title": SCHEMAS[kind].about,
        "servers": [_ref("servers/district")],
        "messages": {kind: _ref(f"components/messages/{kind}")},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": _exchange("linli.events", "topic", "linli"),
                "bindingVersion": _BINDING,
            }
        },
        "x-linli-queue": {"name": "<service>.events", "type": "quorum", "vhost": "linli"},
        "x-linli-said-by": next(name for name, said in _SPEAKERS.items() if kind in said),
    }


def _exchange(name: str, kind: str, vhost: str) -> Document:
    return {"name": name, "type": kind, "durable": True, "autoDelete": False, "vhost": vhost}


def _post() -> Document:
    return {
        "action": "receive",
        "channel": _ref("channels/partner-in"),
        "title": "提交事件 / a partner system posts an event",
        "messages": [_ref(f"channels/partner-in/messages/{kind}") for kind in wire.SCHEMAS],
        "bindings": {
            "amqp": {
                "userId": "{slug}",
                "deliveryMode": _PERSISTENT,
                "mandatory": True,
                "ack": True,
                "bindingVersion": _BINDING,
            }
        },
        "reply": {
            "channel": _ref("channels/partner-out"),
            "messages": [_ref("channels/partner-out/messages/verdict")],
        },
    }


def _answer() -> Document:
    return {
        "action": "send",
        "channel": _ref("channels/partner-out"),
        "title": "每个事件一条裁定 / one verdict for each event",
        "messages": [_ref("channels/partner-out/messages/verdict")],
        "bindings": {"amqp": {"deliveryMode": _PERSISTENT, "bindingVersion": _BINDING}},
    }


def _say(kind: str) -> Document:
    return {
        "action": "send",
        "channel": _ref(f"channels/{kind}"),
        "messages": [_ref(f"channels/{kind}/messages/{kind}")],
        "bindings": {
            "amqp": {"deliveryMode": _PERSISTENT, "mandatory": True, "bindingVersion": _BINDING}
        },
    }


def _hear(kind: str) -> Document:
    return {
        "action": "receive",
        "channel": _ref(f"channels/{kind}"),
        "messages": [_ref(f"channels/{kind}/messages/{kind}")],
        "bindings": {"amqp": {"ack": True, "bindingVersion": _BINDING}},
    }


def _message(kind: str, examples: Mapping[str, Document]) -> Document:
    return {
        "name": kind,
        "title": kind,
        "summary": SCHEMAS[kind].about,
        "contentType": _STRUCTURED,
        "payload": {"$ref": f"./schemas/{kind}.json"},
        "examples": [
            {"name": name, "payload": payload}
            for name, payload in examples.items()
            if name != "lenient"
        ],
    }
