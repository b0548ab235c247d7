"""疑点: what is odd enough for a person to look at, and how it is told. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from services.points.rules.explaining import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on something is odd.

    A ring is a chain of gifts in the order of time that comes back to its first giver, each
    passing on nearly what the first one was; two people who give each other are no ring.
    """

    look_back_days: int = 35
    ring_days: int = 14
    ring_members_max: int = 6
    ring_share_min_percent: int = 80
    ring_edges_max: int = 20_000
    same_place_residents: int = 5
    day_minutes: int = 720
    day_awards: int = 8
    found_max: int = 500  # of each kind, in one look


KINDS: dict[str, Words] = {
    "overlap": Words("服务时间重叠", "overlapping hours"),
    "self_award": Words("组织者为自己记分", "organiser awarded himself"),
    "gift_ring": Words("循环赠与", "ring of gifts"),
    "same_place": Words("同一时刻同一地点集中签到", "checked in together to the minute"),
    "density": Words("单日服务异常密集", "unusually much in one day"),
}
STATES: dict[str, Words] = {
    "open": Words("待核查", "to be judged"),
    "dismissed": Words("属正常", "dismissed"),
    "confirmed": Words("属实", "confirmed"),
}


def told(kind: str, evidence: dict[str, object]) -> Words:
    """A flag's evidence in one sentence; numbers and codes only."""
    day, minutes = evidence.get("on_date", ""), evidence.get("minutes", 0)
    if kind == "overlap":
        return Words(
            f"{day} 有 {minutes} 分钟与其他活动重叠，未重复计",
            f"{minutes} minutes of {day} overlapped and did not count twice",
        )
    if kind == "self_award":
        count, partner = evidence.get("awards_count", 0), evidence.get("partner", "")
        return Words(
            f"{evidence.get('month')} 由 {partner} 上报 {count} 笔，本人是其组织者",
            f"{count} awards reported by {partner} in {evidence.get('month')}, for whom this"
            " resident organises",
        )
    if kind == "gift_ring":
        members = evidence.get("members")
        ring = " → ".join(map(str, members)) if isinstance(members, list) else ""
        return Words(
            f"{evidence.get('points')} 分依次转赠：{ring}",
            f"{evidence.get('points')} points went round: {ring}",
        )
    if kind == "same_place":
        return Words(
            f"{evidence.get('residents')} 人同一分钟签到、同一分钟签退（{evidence.get('at')}）",
            f"{evidence.get('residents')} residents in and out in the same minutes"
            f" ({evidence.get('at')})",
        )
    return Words(
        f"{day} 共 {evidence.get('awards_count')} 笔、{minutes} 分钟",
        f"{evidence.get('awards_count')} awards, {minutes} minutes on {day}",
    )
