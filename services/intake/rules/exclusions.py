"""剔除: for which reasons a request may be left out of the rates. Pure."""

from __future__ import annotations

from typing import Final

from shared.errors import Forbidden, Rejected

REASONS: Final = (
    "not_ours",  # 不属本区职权
    "not_true",  # 经核实不属实
    "policy",  # 政策所限, explained to the resident
    "force_majeure",  # 不可抗力
    "malicious",  # 恶意重复
    "test",  # 测试数据
)
WORDS_MAX: Final = 500


def check_proposal(reason: str, words: str) -> None:
    """Raises Rejected naming the field."""
    if reason not in REASONS:
        raise Rejected(
            "exclusion",
            "reason：请选择剔除原因",
            "reason: choose why it shall not count",
            pointer="/reason",
        )
    if not 1 <= len(words.strip()) <= WORDS_MAX or "\x00" in words:
        raise Rejected(
            "exclusion",
            f"words：请写明情况，1 至 {WORDS_MAX} 个字符",
            f"words: say why, in 1 to {WORDS_MAX} characters",
            pointer="/words",
        )


def check_second(proposed_by: str, decided_by: str) -> None:
    """Raises Forbidden for one who would decide on what he proposed."""
    if proposed_by == decided_by:
        raise Forbidden(
            "same_person",
            "不能审批自己提出的剔除，请由另一人审批",
            "you proposed it: somebody else must decide",
        )
