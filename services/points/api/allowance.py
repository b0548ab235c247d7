"""How often one address may call a door that is open to everybody, in each web process."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from datetime import datetime

from shared import clock

PER_SECOND = 10
BURST = 60
ADDRESSES_MAX = 4_096  # the one not heard of for longest is forgotten first


class Allowance:
    """A bucket of calls for each address: BURST at once, PER_SECOND in the long run."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, address: str) -> int:
        """0 when the call may be made, else in how many seconds to come back."""
        now = clock.now()
        with self._lock:
            left, at = self._left.pop(address, (float(BURST), now))
            passed_s = max((now - at).total_seconds(), 0.0)
            left = min(left + passed_s * PER_SECOND, float(BURST))
            is_allowed = left >= 1
            self._left[address] = (left - 1 if is_allowed else left, now)
            if len(self._left) > ADDRESSES_MAX:
                self._left.popitem(last=False)
        return 0 if is_allowed else max(math.ceil((1 - left) / PER_SECOND), 1)
