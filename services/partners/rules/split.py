"""分账: dividing what a partner took in whole fen, so that the parts are always the whole.

By largest remainder: each party first gets its share rounded down; the fen that are left go one
by one to those whose shares lost most, and between equals to the party named first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.errors import Rejected

# Partner, community, district: per cent of what was taken.
SHARES: Mapping[str, int] = {"partner": 50, "community": 40, "district": 10}
WEIGHT_MAX = 1_000_000


def split(total_fen: int, weights: Sequence[int]) -> list[int]:
    """The parts of a total in fen, in the order of the weights; their sum is the total.

    Raises Rejected for a negative total, or weights that are negative, too many or all zero.
    """
    if total_fen < 0:
        raise _wrong("/total_fen", "金额不得为负", "the total must not be negative")
    if not 1 <= len(weights) <= 100 or any(not 0 <= w <= WEIGHT_MAX for w in weights):
        raise _wrong(
            "/weights",
            f"须为 1 至 100 个 0 至 {WEIGHT_MAX} 的整数",
            f"must be 1 to 100 whole numbers from 0 to {WEIGHT_MAX}",
        )
    whole = sum(weights)
    if whole == 0:
        raise _wrong("/weights", "不得全为 0", "must not all be zero")
    parts = [total_fen * weight // whole for weight in weights]
    lost = [total_fen * weight % whole for weight in weights]
    most_lost = sorted(range(len(weights)), key=lambda place: (-lost[place], place))
    for place in most_lost[: total_fen - sum(parts)]:
        parts[place] += 1
    return parts


def shares(total_fen: int) -> dict[str, int]:
    """The declared split of a partner's takings, by party, in fen."""
    return dict(zip(SHARES, split(total_fen, tuple(SHARES.values())), strict=True))


def _wrong(pointer: str, zh: str, en: str) -> Rejected:
    return Rejected("bad_split", f"{pointer}：{zh}", f"{pointer}: {en}", pointer=pointer)
