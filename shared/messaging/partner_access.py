"""What one partner system has on the broker: a user, its own exchange, its own reply queue.

The name of the exchange a message came through is who sent it, so nobody else may ever be able to
write to it. Every step can be run again; rights are given last and taken first, so a crash at any
point leaves a partner with too little, never with too much.
"""

from __future__ import annotations

import re
import time

from shared.errors import Conflict
from shared.messaging.broker_state import BrokerState, Difference
from shared.messaging.management import Management, Rights

INGRESS = "ingress"
TAG = "partner"  # gives no right; it tells a partner's user from the district's own
LIMITS = {"max-connections": 4, "max-channels": 16}
CLOSED_WITHIN_S = 5.0
_QUIET_LOOKS = 2
_LOOK_EVERY_S = 0.05


def exchange_of(slug: str) -> str:
    """Where the partner publishes."""
    return f"in.{slug}"


def reply_queue_of(slug: str) -> str:
    """Where the partner reads its verdicts."""
    return f"out.{slug}"


def rights_of(slug: str) -> Rights:
    """Declare nothing, write to the own exchange only, read the own reply queue only."""
    own = re.escape(slug)
    return Rights(configure="^$", write=rf"^in\.{own}$", read=rf"^out\.{own}$")


def prepare(management: Management, vhost: str, slug: str, password_hash: str) -> None:
    """Make all that the partner needs except its rights; `password_hash` in RabbitMQ's own form.

    Raises Conflict when a user of that name exists which is not a partner's.
    """
    user = management.user(slug)
    if user is not None and TAG not in user["tags"]:
        raise Conflict(
            "name_taken",
            f"消息服务里已有名为“{slug}”的其他用户，请换一个代号",
            f"the broker has another user named {slug!r}: choose another slug",
        )
    management.put_exchange(vhost, exchange_of(slug), "fanout")
    management.bind(vhost, exchange_of(slug), INGRESS, "")
    # Classic: it holds copies of verdict rows, mostly unread. One classic queue costs no Raft
    # member and no segment files a partner, and was as quick to confirm when measured.
    management.put_queue(vhost, reply_queue_of(slug), {"x-queue-type": "classic"})
    if user is None or user["password_hash"] != password_hash or user["tags"] != [TAG]:
        management.put_user(slug, password_hash=password_hash, tags=(TAG,))
    for name, value in LIMITS.items():
        management.put_user_limit(slug, name, value)


def grant(management: Management, vhost: str, slug: str, password_hash: str) -> None:
    """Make the partner able to publish and to read, here and nowhere else; see `prepare`."""
    prepare(management, vhost, slug, password_hash)
    for other in management.permissions_of(slug):
        if other != vhost:
            management.delete_permission(other, slug)
    management.put_permission(vhost, slug, rights_of(slug))


def withdraw(management: Management, slug: str) -> None:
    """Take every right away and cut what is connected; the queue of replies stays.

    The broker remembers granted rights in each open channel, so the connections must go too.
    """
    user = management.user(slug)
    if user is None or TAG not in user["tags"]:
        return
    for vhost in management.permissions_of(slug):
        management.delete_permission(vhost, slug)
    close_connections(management, slug)


def remove(management: Management, vhost: str, slug: str) -> None:
    """As `withdraw`, and then nothing of the partner is left on the broker."""
    withdraw(management, slug)
    user = management.user(slug)
    if user is not None and TAG in user["tags"]:
        management.delete_user(slug)
    management.delete_exchange(vhost, exchange_of(slug))
    management.delete_queue(vhost, reply_queue_of(slug))


def close_connections(management: Management, slug: str) -> None:
    """Cut until none is seen twice in a row: one may just be opening. Gives up after 5 s."""
    until_s = time.monotonic() + CLOSED_WITHIN_S
    quiet = 0
    while quiet < _QUIET_LOOKS and time.monotonic() < until_s:
        if management.connections_of(slug):
            management.close_connections_of(slug)
            quiet = 0
        else:
            quiet += 1
        time.sleep(_LOOK_EVERY_S)


def partners_of(state: BrokerState) -> set[str]:
    """Users with the partners' tag and rights in this virtual host."""
    return {
        name
        for name, user in state.users.items()
        if TAG in user["tags"] and state.vhost in state.rights.get(name, {})
    }


def is_partner(state: BrokerState, slug: str) -> bool:
    """Whether there is a user of this name with the partners' tag."""
    user = state.users.get(slug)
    return user is not None and TAG in user["tags"]


def leftovers(state: BrokerState, slug: str) -> list[str]:
    """Names of what the broker still has of a partner; a namesake's user is not counted."""
    found = [slug] if is_partner(state, slug) else []
    found += [name for name in (exchange_of(slug),) if name in state.exchanges]
    return found + [name for name in (reply_queue_of(slug),) if name in state.queues]


def check(state: BrokerState, slug: str) -> list[Difference]:
    """Where the broker gives this partner more or less than it should; empty when it is right."""
    found = [*_check_user(state, slug), *_check_rights(state, slug)]
    exchange = state.exchanges.get(exchange_of(slug))
    if exchange is None or exchange["type"] != "fanout" or not exchange["durable"]:
        found.append(
            difference(slug, "交换机缺失或类型不对", f"{exchange_of(slug)} is no durable fanout")
        )
    if reply_queue_of(slug) not in state.queues:
        found.append(difference(slug, "回执队列缺失", f"{reply_queue_of(slug)} is missing"))
    routes = state.routes_from(exchange_of(slug))
    if routes != {(exchange_of(slug), "queue", INGRESS, "")}:
        shown = sorted(route[2] for route in routes)
        found.append(
            difference(slug, f"交换机的去向不对：{shown}", f"its exchange leads to {shown}")
        )
    return found


def _check_user(state: BrokerState, slug: str) -> list[Difference]:
    user = state.users.get(slug)
    if user is None:
        return [difference(slug, "消息服务用户缺失", "the user is missing")]
    found = []
    if user["tags"] != [TAG]:
        found.append(
            difference(slug, f"用户标签不对：{user['tags']}", f"the tags are {user['tags']}")
        )
    limits = dict(state.limits.get(slug, {}))
    if limits != LIMITS:
        found.append(difference(slug, f"连接限额不对：{limits}", f"the limits are {limits}"))
    return found


def _check_rights(state: BrokerState, slug: str) -> list[Difference]:
    held = dict(state.rights.get(slug, {}))
    if held == {state.vhost: rights_of(slug)}:
        return []
    shown = {where: (r.configure, r.write, r.read) for where, r in held.items()}
    return [difference(slug, f"权限不对：{shown}", f"the rights are {shown}")]


def difference(slug: str, zh: str, en: str) -> Difference:
    """Something wrong with a partner's account, told in both languages."""
    return Difference("partner", slug, f"合伙人 {slug}：{zh}", f"partner {slug}: {en}")
