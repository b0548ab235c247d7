"""The verdict log of each partner, `GET /events?after=`: the truth when a reply was dropped."""

from __future__ import annotations

import http.client
import itertools
import time
from collections import Counter
from typing import Any
from urllib.parse import quote

import orjson

from deploy.month.credentials import Credentials
from deploy.month.door_http import PATIENCE_S, Caller
from shared.errors import Unavailable

PAGES_MAX = 100_000
PAUSE_MAX_S = 2.0
_OK = 200
_TURNED_AWAY = (401, 403)


class VerdictLog:
    """Counts the verdicts that each partner can read, from where its log stood at the start."""

    def __init__(self, base_url: str, credentials: Credentials) -> None:
        self._caller = Caller(base_url)
        self._credentials = credentials
        self._start: dict[str, str] = {}
        self._cursor: dict[str, str] = {}
        self.counted: Counter[str] = Counter()
        self.shut: set[str] = set()

    def open(self, partner: str) -> bool:
        """Remember where a partner's log ends now; False when it may not read one."""
        if partner not in self._credentials:
            return False
        try:
            cursor, _ = self._read(partner, "")
        except PermissionError:
            return False
        self._start[partner] = self._cursor[partner] = cursor
        return True

    def count(self, partner: str, *, again: bool = False) -> int:
        """How many verdicts came since the start; `again` reads them all once more.

        Rows may become visible out of order, so a count that falls short is worth reading again.
        """
        if partner not in self._start:
            return 0
        if again:
            self._cursor[partner] = self._start[partner]
            self.counted[partner] = 0
        try:
            self._cursor[partner], found = self._read(partner, self._cursor[partner])
        except PermissionError:  # it was suspended meanwhile: nobody can read it any more
            self.shut.add(partner)
            return self.counted[partner]
        self.counted[partner] += found
        return self.counted[partner]

    def close(self) -> None:
        """Let go of the connection."""
        self._caller.close()

    def _read(self, partner: str, cursor: str) -> tuple[str, int]:
        """From a cursor to the end: where the end is, and how many verdicts were on the way."""
        found = 0
        for _ in range(PAGES_MAX):
            page = self._page(partner, cursor)
            verdicts = page.get("verdicts") or []
            found += len(verdicts)
            following = page.get("next")
            if following is None:
                return (str(verdicts[-1]["seq"]) if verdicts else cursor), found
            cursor = str(following)
        raise Unavailable("endless_log", "裁定记录没有尽头", "the verdict log has no end")

    def _page(self, partner: str, cursor: str) -> dict[str, Any]:
        path = f"/events?after={quote(cursor, safe='')}" if cursor else "/events"
        headers = {
            "Authorization": f"Bearer {self._credentials[partner].api_key}",
            "Accept": "application/json",
        }
        until_s = time.monotonic() + PATIENCE_S
        for attempt in itertools.count(1):
            try:
                status, _, content = self._caller.call("GET", path, headers)
            except (http.client.HTTPException, OSError) as problem:
                status, content = 0, repr(problem).encode()
            if status == _OK:
                page: dict[str, Any] = orjson.loads(content)
                return page
            if status in _TURNED_AWAY:
                raise PermissionError(partner)
            if time.monotonic() > until_s:
                break
            time.sleep(min(0.1 * 2 ** min(attempt, 10), PAUSE_MAX_S))
        raise Unavailable(
            "no_verdict_log",
            f"读不到 {partner} 的裁定记录",
            f"cannot read the verdict log of {partner}: {status} {content[:200]!r}",
        )
