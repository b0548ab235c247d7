"""Four eyes over a draft: its maker changes and submits it, another publishes or rejects it.

What is published is what was submitted, to the letter: every step names the revision that its
person has seen, and a draft that has changed since is refused. Where drafts are kept is the
caller's; it hands in the row that it has locked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.errors import Conflict, Forbidden, Missing


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it is locked."""

    body: dict[str, Any]
    revision: int
    state: str
    made_by: str


def own(draft: Draft | None, revision: int, by: str, state: str) -> Draft:
    """The draft, for its maker. Raises Missing, Conflict (it has changed) or Forbidden."""
    seen = _seen(draft, revision, state)
    if seen.made_by != by:
        raise Forbidden(
            "not_yours",
            "只有起草人可以修改；您可以另起一份自己的草案",
            "only its maker may change a draft; you may begin one of your own",
        )
    return seen


def others(draft: Draft | None, revision: int, by: str) -> Draft:
    """The submitted draft, for anybody but its maker. Raises Missing, Conflict or Forbidden."""
    seen = _seen(draft, revision, "submitted")
    if seen.made_by == by:
        raise Forbidden(
            "four_eyes",
            "起草人不能审核自己的草案，请另一位管理员审核",
            "nobody checks a draft of their own: another manager must",
        )
    return seen


def _seen(draft: Draft | None, revision: int, state: str) -> Draft:
    if draft is None:
        raise Missing("no_draft", "没有这份草案", "there is no such draft")
    if draft.state != state or draft.revision != revision:
        raise Conflict(
            "draft_changed",
            "草案已有变化，请重新打开后再操作",
            "the draft has changed since: open it again",
        )
    return draft
