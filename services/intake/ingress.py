"""Door: what partners publish to their exchanges, from the queue `ingress` to the gate.

Whose an event is, is told by the exchange it came through, never by what it says of itself.
"""

from __future__ import annotations

import logging
import threading
from itertools import chain

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.intake.actions import gate
from services.intake.actions.gate import Sent
from services.intake.rules.items import open_body
from shared import metrics
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.messaging.subscriber import Delivery, Stopping
from shared.messaging.transaction import transaction

logger = logging.getLogger(__name__)

QUEUE = "ingress"
BATCH_MAX = 400
PREFETCH = 1200
BACK_OFF_FIRST_S = 0.2
BACK_OFF_MAX_S = 15.0

_EXCHANGE_PREFIX = "in."


class Ingress:
    """Processes batches of partner deliveries; returns only when their verdicts are committed."""

    def __init__(self, sessions: Sessions, cipher: FieldCipher) -> None:
        self._sessions = sessions
        self._cipher = cipher
        self.stopping = threading.Event()

    def prepare(self, delivery: Delivery) -> list[Sent]:
        """The items of one AMQP message, each with the partner it certainly came from."""
        partner = delivery.exchange.removeprefix(_EXCHANGE_PREFIX)
        properties = delivery.properties
        content_type, headers = properties.content_type or "", properties.headers or {}
        if isinstance(content_type, bytes):  # as pika leaves what is no UTF-8
            content_type = content_type.decode("utf-8", "replace")
        return [Sent(partner, item) for item in open_body(content_type, headers, delivery.body)]

    def process(self, batch: list[list[Sent]]) -> None:
        """Judge a batch; a database that is away holds the batch, nothing is given up."""
        sent = list(chain.from_iterable(batch))
        attempt = 0
        while sent:
            attempt += 1
            try:
                self._judge(sent)
            except (DBAPIError, PoolTimeout) as problem:
                self._hold(attempt, problem)
            else:
                return

    def _judge(self, sent: list[Sent]) -> None:
        with transaction(self._sessions) as tx:
            verdicts = gate.receive(tx, sent, door="amqp", cipher=self._cipher)
            gate.reply(tx, sent, verdicts)
        metrics.subscriber_batch.labels("intake", QUEUE).observe(len(sent))

    def _hold(self, attempt: int, problem: Exception) -> None:
        metrics.subscriber_retries.labels("intake", QUEUE).inc()
        logger.warning("gate holds its batch: %s", problem, extra={"attempts": attempt})
        if self.stopping.wait(min(BACK_OFF_FIRST_S * 2 ** (attempt - 1), BACK_OFF_MAX_S)):
            raise Stopping
