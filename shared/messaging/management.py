"""A small client of RabbitMQ's management API (3.10 and 4.x): declare, ask, close.

Used by the topology, by partner accounts and by `linli doctor`; never in the way of an event.
A missing thing reads as None or an empty list. Everything else raises a LinliError.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import requests

from shared.errors import Forbidden, Rejected, Unavailable

TIMEOUT_S = 10.0
_CLOSE_REASON = "the account's rights have changed"

Arguments = Mapping[str, object]


class BrokerRefused(Rejected):
    """The broker understood and said no; `en` holds its own words."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(
            "broker_refused",
            f"消息服务拒绝了请求（{what}）：{said}",
            f"the message broker refused {what}: {said}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a user may do in a virtual host: three regular expressions over names."""

    configure: str
    write: str
    read: str


EVERYTHING = Rights(configure=".*", write=".*", read=".*")


class Management:
    """`url` is http(s)://user:password@host:port; the user needs the administrator tag.

    May be shared by threads: each has a connection of its own.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.hostname is None:
            raise ValueError(
                "消息服务管理地址不完整，应为 http://用户:密码@主机:端口 /"
                " the management address must be http://user:password@host:port"
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        self._base = f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}/api/"
        self.username = unquote(parts.username or "")
        self._auth = (self.username, unquote(parts.password or ""))
        self._timeout_s = timeout_s
        self._of_thread = threading.local()

    def version(self) -> tuple[int, int]:
        """Major and minor version of the broker."""
        major, minor, *_ = str(self._get("overview")["rabbitmq_version"]).split(".")
        return int(major), int(minor)

    # Virtual hosts.

    def vhosts(self) -> list[str]:
        """All names."""
        return [str(each["name"]) for each in self._get("vhosts?columns=name")]

    def put_vhost(self, vhost: str) -> None:
        """Create it; the calling user may then do everything in it."""
        self._put(("vhosts", vhost), {})

    def delete_vhost(self, vhost: str) -> None:
        """Remove it with all that is in it."""
        self._delete(("vhosts", vhost))

    # Users and what they may do.

    def users(self) -> list[dict[str, Any]]:
        """name, tags (a list, whatever the version), password_hash of each."""
        return [_user(each) for each in self._list("users")]

    def user(self, name: str) -> dict[str, Any] | None:
        """As in `users`."""
        found = self._find(("users", name))
        return None if found is None else _user(found)

    def put_user(
        self,
        name: str,
        *,
        password: str | None = None,
        password_hash: str | None = None,
        tags: tuple[str, ...] = (),
    ) -> None:
        """Create or replace. `password_hash` is RabbitMQ's own form, salted SHA-256 in base64."""
        if (password is None) == (password_hash is None):
            raise ValueError("give either a password or its hash")
        body: dict[str, object] = {"tags": ",".join(tags)}
        if password is None:
            body |= {
                "password_hash": password_hash,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
            }
        else:
            body["password"] = password
        self._put(("users", name), body)

    def delete_user(self, name: str) -> None:
        """Remove the user and all its rights; its live connections stay open, close them."""
        self._delete(("users", name))

    def permissions(self, vhost: str) -> dict[str, Rights]:
        """Rights in a virtual host, by user."""
        return {each["user"]: _rights(each) for each in self._list("vhosts", vhost, "permissions")}

    def permissions_of(self, user: str) -> dict[str, Rights]:
        """Rights of a user, by virtual host."""
        return {each["vhost"]: _rights(each) for each in self._list("users", user, "permissions")}

    def all_permissions(self) -> dict[str, dict[str, Rights]]:
        """Rights of every user that has any, by user and then by virtual host."""
        found: dict[str, dict[str, Rights]] = {}
        for each in self._list("permissions"):
            found.setdefault(each["user"], {})[each["vhost"]] = _rights(each)
        return found

    def put_permission(self, vhost: str, user: str, rights: Rights) -> None:
        """Set the rights of a user in a virtual host."""
        body = {"configure": rights.configure, "write": rights.write, "read": rights.read}
        self._put(("permissions", vhost, user), body)

    def delete_permission(self, vhost: str, user: str) -> None:
        """Without it the user cannot even open a connection to the virtual host."""
        self._delete(("permissions", vhost, user))

    def topic_permissions_of(self, user: str) -> list[dict[str, Any]]:
        """vhost, exchange, write and read of each."""
        return self._list("users", user, "topic-permissions")

    def put_topic_permission(
        self, vhost: str, user: str, exchange: str, *, write: str, read: str
    ) -> None:
        """Limit the routing keys a user may use on a topic exchange."""
        body = {"exchange": exchange, "write": write, "read": read}
        self._put(("topic-permissions", vhost, user), body)

    def delete_topic_permissions(self, vhost: str, user: str) -> None:
        """All of a user in a virtual host."""
        self._delete(("topic-permissions", vhost, user))

    def user_limits(self) -> dict[str, dict[str, int]]:
        """max-connections and max-channels, by user; a user without limits is not there."""
        return {each["user"]: dict(each["value"]) for each in self._list("user-limits")}

    def user_limits_of(self, user: str) -> dict[str, int]:
        """The limits of one user."""
        found = self._list("user-limits", user)
        return dict(found[0]["value"]) if found else {}

    def put_user_limit(self, user: str, name: str, value: int) -> None:
        """`name` is max-connections or max-channels."""
        self._put(("user-limits", user, name), {"value": value})

    # Exchanges, queues, bindings, policies.

    def exchanges(self, vhost: str) -> list[dict[str, Any]]:
        """name, type, durable, arguments of each."""
        return self._list("exchanges", vhost, query="columns=name,type,durable,arguments")

    def exchange(self, vhost: str, name: str) -> dict[str, Any] | None:
        """One exchange."""
        return self._find(("exchanges", vhost, name))

    def put_exchange(self, vhost: str, name: str, kind: str) -> None:
        """Declare a durable exchange."""
        self._put(("exchanges", vhost, name), {"type": kind, "durable": True, "arguments": {}})

    def delete_exchange(self, vhost: str, name: str) -> None:
        """Remove it with its bindings."""
        self._delete(("exchanges", vhost, name))

    def queues(self, vhost: str) -> list[dict[str, Any]]:
        """name, type, durable, arguments, messages, consumers of each (the counts come late)."""
        query = "columns=name,type,durable,arguments,messages,consumers"
        return self._list("queues", vhost, query=query)

    def queue(self, vhost: str, name: str) -> dict[str, Any] | None:
        """One queue."""
        return self._find(("queues", vhost, name))

    def put_queue(self, vhost: str, name: str, arguments: Arguments | None = None) -> None:
        """Declare a durable queue; raises BrokerRefused when it is there with other properties."""
        body = {"durable": True, "auto_delete": False, "arguments": dict(arguments or {})}
        self._put(("queues", vhost, name), body)

    def delete_queue(self, vhost: str, name: str) -> None:
        """Remove it with what is in it."""
        self._delete(("queues", vhost, name))

    def purge_queue(self, vhost: str, name: str) -> None:
        """Throw away what waits in it."""
        self._delete(("queues", vhost, name, "contents"))

    def bindings(self, vhost: str) -> list[dict[str, Any]]:
        """source, destination, destination_type, routing_key, properties_key of each."""
        return self._list("bindings", vhost)

    def bind(self, vhost: str, source: str, queue: str, routing_key: str) -> None:
        """Let what is published to `source` with this key reach `queue`."""
        path = ("bindings", vhost, "e", source, "q", queue)
        self._call("POST", _path(*path), {"routing_key": routing_key, "arguments": {}})

    def unbind(self, vhost: str, source: str, queue: str, properties_key: str) -> None:
        """`properties_key` as `bindings` gives it."""
        self._delete(("bindings", vhost, "e", source, "q", queue, properties_key))

    def policies(self, vhost: str) -> list[dict[str, Any]]:
        """name, pattern, apply-to, definition, priority of each."""
        return self._list("policies", vhost)

    def put_policy(self, vhost: str, name: str, body: Mapping[str, object]) -> None:
        """`body` has pattern, apply-to, definition and priority."""
        self._put(("policies", vhost, name), body)

    def delete_policy(self, vhost: str, name: str) -> None:
        """Queues and exchanges it applied to fall back to the next that matches."""
        self._delete(("policies", vhost, name))

    # Live connections.

    def connections_of(self, user: str) -> list[dict[str, Any]]:
        """From the broker's own tracking, not its statistics, which come seconds late."""
        return self._list("connections", "username", user)

    def close_connections_of(self, user: str, reason: str = _CLOSE_REASON) -> None:
        """Close every connection of a user in every virtual host."""
        self._call(
            "DELETE", _path("connections", "username", user), None, {"X-Reason": reason}, gone=True
        )

    def definitions(self, vhost: str | None = None) -> dict[str, Any]:
        """Everything declared, in the form the broker can import."""
        path = ("definitions",) if vhost is None else ("definitions", vhost)
        return dict(self._get(_path(*path)))

    # The wire.

    def _list(self, *path: str, query: str = "") -> list[dict[str, Any]]:
        found = self._call("GET", _path(*path) + (f"?{query}" if query else ""), gone=True)
        return list(found or [])

    def _find(self, path: tuple[str, ...]) -> dict[str, Any] | None:
        found = self._call("GET", _path(*path), gone=True)
        return None if found is None else dict(found)

    def _get(self, path: str) -> Any:
        return self._call("GET", path)

    def _put(self, path: tuple[str, ...], body: Mapping[str, object]) -> None:
        self._call("PUT", _path(*path), body)

    def _delete(self, path: tuple[str, ...]) -> None:
        self._call("DELETE", _path(*path), gone=True)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        gone: bool = False,
    ) -> Any:
        """The parsed answer; None when there is none, or for a 404 that `gone` allows."""
        try:
            answer = self._session().request(
                method, self._base + path, json=body, headers=headers, timeout=self._timeout_s
            )
        except requests.RequestException as problem:
            raise _down(type(problem).__name__) from problem
        what = f"{method} {unquote(path)}"
        if answer.status_code == requests.codes.not_found and gone:
            return None
        if answer.status_code in {requests.codes.unauthorized, requests.codes.forbidden}:
            raise Forbidden(
                "broker_forbids",
                f"消息服务管理帐号“{self.username}”无权执行 {what}，须有 administrator 标签",
                f"the management user {self.username!r} may not {what}:"
                " it needs the administrator tag",
            )
        if answer.status_code >= requests.codes.server_error:
            raise _down(f"HTTP {answer.status_code}")
        if not answer.ok:
            raise BrokerRefused(what, _reason(answer))
        return answer.json() if answer.content and method == "GET" else None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = self._of_thread.session = requests.Session()
            session.trust_env = False  # a proxy of the environment has no business here
            session.auth = self._auth
        return session


def _path(*steps: str) -> str:
    return "/".join(quote(step, safe="") for step in steps)


def _user(found: dict[str, Any]) -> dict[str, Any]:
    tags = found.get("tags") or []
    return {**found, "tags": tags.split(",") if isinstance(tags, str) else list(tags)}


def _rights(found: Mapping[str, Any]) -> Rights:
    return Rights(configure=found["configure"], write=found["write"], read=found["read"])


def _reason(answer: requests.Response) -> str:
    try:
        return " ".join(str(answer.json()["reason"]).split())[:500]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"


def _down(why: str) -> Unavailable:
    return Unavailable(
        "broker_management_down",
        f"消息服务管理接口暂不可用（{why}），请稍后再试",
        f"the broker's management API is not available ({why}): try again shortly",
    )
