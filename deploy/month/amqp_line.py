"""One partner's connection to the broker; runs in the door's thread."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import orjson
import pika
from pika import exceptions
from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.channel import Channel
from pika.frame import Method
from pika.spec import Basic, BasicProperties

from deploy.month.parcels import Parcel
from deploy.month.tally import Tally

WINDOW = 100  # messages without a confirm, per partner
PERSISTENT = 2
RETRY_FIRST_S = 0.3
RETRY_MAX_S = 5.0
ATTEMPTS_MAX = 30
NACK_PAUSE_S = 0.3
# Who was let in before may be turned away while the broker starts; after that long it is meant.
TURNED_AWAY_FOR_S = 10.0

_ACCESS_REFUSED = 403
_NOT_FOUND = 404
_PRECONDITION_FAILED = 406
_NOT_ALLOWED = 530
_REFUSALS = (_ACCESS_REFUSED, _NOT_FOUND, _NOT_ALLOWED)
_PASSING = ("limit", "is down")  # a connection too many just now; a virtual host that starts
# What the broker said while a connection was opened, as pika quotes it in its own guess.
_QUOTED = re.compile(r"ConnectionClosedByBroker: \((\d{3})\) (.*)", re.DOTALL)


class Line:
    """Parcels of one partner on their way; opens its connection with the first."""

    def __init__(
        self,
        partner: str,
        parameters: pika.ConnectionParameters | pika.URLParameters,
        loop: IOLoop,
        tally: Tally,
        made_room: Callable[[], None],
    ) -> None:
        self._partner = partner
        self._parameters = parameters
        self._loop = loop
        self._tally = tally
        self._made_room = made_room
        self._waiting: deque[Parcel] = deque()
        self._unconfirmed: dict[int, Parcel] = {}
        self._returned: set[int] = set()
        self._connection: SelectConnection | None = None
        self._channel: Channel | None = None
        self._tag = 0
        self._attempts = 0
        self._purged = False
        self._was_let_in = False
        self._turned_away: str | None = None
        self._turned_away_since_s: float | None = None
        self._refused: str | None = None
        self._closing = False

    def put(self, parcel: Parcel) -> None:
        """Send it when the window has room."""
        self._waiting.append(parcel)
        if self._refused is not None:
            self._refuse_all(self._refused)
        elif self._connection is None:
            self._connect()
        else:
            self._pump()

    def close(self) -> Callable[[], bool]:
        """Begin to close; the returned function says whether it is closed."""
        self._closing = True
        connection = self._connection
        if connection is None:
            return lambda: True
        if connection.is_open:
            connection.close()
        return lambda: connection.is_closed

    def _connect(self) -> None:
        self._connection = SelectConnection(
            self._parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
            custom_ioloop=self._loop,
        )

    def _on_open(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_reply_channel)

    def _on_reply_channel(self, channel: Channel) -> None:
        queue = f"out.{self._partner}"
        channel.add_on_close_callback(self._on_reply_channel_closed)

        def consume(_frame: object = None) -> None:
            channel.basic_consume(
                queue, self._on_reply, auto_ack=True, callback=lambda _frame: self._open_publisher()
            )

        if self._purged:
            consume()
        else:  # what an earlier run left unread is none of this month's verdicts
            self._purged = True
            channel.queue_purge(queue, callback=consume)

    def _on_reply_channel_closed(self, _channel: Channel, reason: BaseException) -> None:
        # Without a reply queue the verdict log still tells: go on, if the connection does.
        if isinstance(reason, exceptions.ChannelClosedByBroker) and self._channel is None:
            self._open_publisher()

    def _open_publisher(self) -> None:
        if self._connection is not None and self._connection.is_open:
            self._connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _frame: self._on_ready(channel))

    def _on_ready(self, channel: Channel) -> None:
        self._tag = 0
        self._returned.clear()  # what was returned before had numbers of the channel before
        self._channel = channel
        self._pump()

    def _pump(self) -> None:
        channel = self._channel
        if channel is None or not channel.is_open:
            return
        while self._waiting and len(self._unconfirmed) < WINDOW:
            parcel = self._waiting.popleft()
            try:
                self._publish(channel, parcel)
            except (UnicodeError, ValueError, exceptions.AMQPError) as problem:
                self._finish(self._tally.fail, parcel, f"not sendable by AMQP: {problem!r}")

    def _publish(self, channel: Channel, parcel: Parcel) -> None:
        headers: dict[str, Any] = {f"ce-{k}": v for k, v in parcel.attributes.items()}
        properties = BasicProperties(
            content_type=parcel.content_type,
            headers=headers or None,
            delivery_mode=PERSISTENT,
            message_id=str(self._tag + 1),
        )
        channel.basic_publish(
            f"in.{self._partner}", parcel.routing_key, parcel.body, properties, mandatory=True
        )
        self._tag += 1
        self._unconfirmed[self._tag] = parcel

    def _on_return(
        self, _channel: Channel, _method: Basic.Return, properties: BasicProperties, _body: bytes
    ) -> None:
        self._returned.add(int(properties.message_id or 0))

    def _on_confirm(self, frame: Method) -> None:
        upto, several = frame.method.delivery_tag, frame.method.multiple
        tags = [tag for tag in self._unconfirmed if tag <= upto] if several else [upto]
        acked = isinstance(frame.method, Basic.Ack)
        self._attempts = 0
        self._was_let_in, self._turned_away_since_s = True, None
        for tag in tags:
            parcel = self._unconfirmed.pop(tag, None)
            if parcel is None:
                continue
            if tag in self._returned:
                self._returned.discard(tag)
                self._finish(self._tally.fail, parcel, "交换机没有绑定队列 / no queue is bound")
            elif acked:
                self._tally.confirm(parcel)
                self._made_room()
            else:
                self._waiting.append(parcel)  # the queue is full: later
        if acked:
            self._pump()
        else:
            self._loop.call_later(NACK_PAUSE_S, self._pump)

    def _on_reply(
        self, _channel: Channel, _method: Basic.Deliver, _properties: BasicProperties, body: bytes
    ) -> None:
        try:
            verdict = orjson.loads(body)
        except orjson.JSONDecodeError:
            verdict = None
        self._tally.reply(self._partner, verdict if isinstance(verdict, dict) else {})

    def _on_channel_closed(self, _channel: Channel, reason: BaseException) -> None:
        self._channel = None
        if self._closing or self._connection is None or not self._connection.is_open:
            return  # the connection's own callback deals with it
        self._turned_away = refusal(reason)
        if getattr(reason, "reply_code", 0) == _PRECONDITION_FAILED and self._unconfirmed:
            # More than the broker takes in one message; it does not say which of them.
            tag = max(self._unconfirmed, key=lambda each: len(self._unconfirmed[each].body))
            self._finish(self._tally.fail, self._unconfirmed.pop(tag), str(reason))
        self._connection.close()

    def _on_lost(self, _connection: SelectConnection, reason: BaseException) -> None:
        self._connection = self._channel = None
        if self._closing or self._refused is not None:
            return
        why, self._turned_away = self._turned_away or refusal(reason), None
        if self._is_refused(why):
            self._refuse_all(str(why))
            return
        unsure = list(self._unconfirmed.values())
        self._unconfirmed.clear()
        for parcel in unsure:
            self._tally.resend(parcel)
        self._waiting.extendleft(reversed(unsure))
        if not self._waiting:
            return
        self._attempts += 1
        if self._attempts > ATTEMPTS_MAX:
            self._fail_all(f"连不上消息服务 / the broker cannot be reached: {reason!r}")
            return
        self._loop.call_later(
            min(RETRY_FIRST_S * 2 ** (self._attempts - 1), RETRY_MAX_S), self._connect_again
        )

    def _is_refused(self, why: str | None) -> bool:
        if why is None:
            self._turned_away_since_s = None
            return False
        now_s = time.monotonic()
        if self._turned_away_since_s is None:
            self._turned_away_since_s = now_s
        return not self._was_let_in or now_s - self._turned_away_since_s >= TURNED_AWAY_FOR_S

    def _connect_again(self) -> None:
        if not self._closing and self._connection is None:
            self._connect()

    def _refuse_all(self, why: str) -> None:
        self._refused = why
        self._end_all(self._tally.refuse, why)

    def _fail_all(self, why: str) -> None:
        self._attempts = 0
        self._end_all(self._tally.fail, why)

    def _end_all(self, end: Callable[[Parcel, str], None], why: str) -> None:
        parcels = [*self._unconfirmed.values(), *self._waiting]
        self._unconfirmed.clear()
        self._waiting.clear()
        for parcel in parcels:
            self._finish(end, parcel, why)

    def _finish(self, end: Callable[[Parcel, str], None], parcel: Parcel, why: str) -> None:
        end(parcel, why)
        self._made_room()


def refusal(reason: BaseException) -> str | None:
    """Why the broker turned a partner away; None when it was something that may pass.

    A connection that is lost while it opens is no refusal, though pika calls it a probable one:
    the broker tells a refusal by a code of its own.
    """
    for each in _causes(reason):
        if isinstance(each, exceptions.ConnectionClosed | exceptions.ChannelClosed):
            code, text = each.reply_code, str(each.reply_text)
        elif quoted := _QUOTED.search(str(each.args[0]) if each.args else ""):
            code, text = int(quoted[1]), quoted[2]
        else:
            continue
        if code in _REFUSALS and not any(word in text for word in _PASSING):
            return f"{code} {text}"
    return None


def _causes(reason: BaseException) -> list[BaseException]:
    # pika wraps what happened during the opening in one or two exceptions of its own
    found: list[BaseException] = []
    queue: list[object] = [reason]
    while queue:
        each = queue.pop()
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            queue.extend([each.__cause__, *each.args, *getattr(each, "exceptions", ())])
    return found
