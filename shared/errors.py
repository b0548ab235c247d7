"""One taxonomy of outcomes for HTTP and queues: what is raised says what happens next.

| raised        | HTTP | queue                                        |
|---------------|------|----------------------------------------------|
| Rejected      | 422  | dead letter at once, reason kept             |
| Missing       | 404  | dead letter at once                          |
| Conflict      | 409  | dead letter at once                          |
| NotYet        | 409  | held and tried again, dead letter at the end |
| Unavailable   | 503  | held and tried again, never a dead letter    |
| anything else | 500  | tried again, then dead letter                |
"""

from __future__ import annotations


class LinliError(Exception):
    """A fact people are told about, in Chinese first and English second.

    `code` is stable and machine-readable; `pointer` is the RFC 6901 JSON pointer of the field.
    """

    status = 500

    def __init__(self, code: str, zh: str, en: str, *, pointer: str | None = None) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.zh = zh
        self.en = en
        self.pointer = pointer


class Rejected(LinliError):
    """The input breaks a rule; sending it again unchanged will never help."""

    status = 422


class Unauthenticated(LinliError):
    """Nobody has signed in, or the key is unknown."""

    status = 401


class Forbidden(LinliError):
    """Known, but not allowed."""

    status = 403


class Missing(LinliError):
    """It does not exist and cannot still come."""

    status = 404


class Conflict(LinliError):
    """The state has moved on, or another body has this id."""

    status = 409


class TooMany(LinliError):
    """A quota is used up; `retry_after_s` says when to come back (seconds)."""

    status = 429

    def __init__(self, code: str, zh: str, en: str, *, retry_after_s: int) -> None:
        super().__init__(code, zh, en)
        self.retry_after_s = retry_after_s


class NotYet(LinliError):
    """It came before what it depends on; worth trying again shortly."""

    status = 409


class Unavailable(LinliError):
    """Something outside is down; the work itself is sound."""

    status = 503

    def __init__(self, code: str, zh: str, en: str, *, retry_after_s: int = 5) -> None:
        super().__init__(code, zh, en)
        self.retry_after_s = retry_after_s
