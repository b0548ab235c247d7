"""What intake says of the wishes that it keeps itself, from the wall to the thanks."""

from __future__ import annotations

from shared.schemas.fields import Choice, EventData, Moment, Text
from shared.schemas.wire import WISH_COLOURS

WISH_MOVED = "linli.wish.moved.v1"
WAYS = ("claimed", "returned", "delivered", "thanked")


class WishMoved(EventData):
    """No words of the wish and no giver: free text and people stay in intake."""

    about = "微心愿有了进展 / something happened to a wish"

    wish_code = Text("心愿代码 / wish code", 1, 64)
    resident_no = Text("听者的居民编号 / resident number of who hears it", 1, 32)
    colour = Choice("心愿颜色 / colour of the wish", *WISH_COLOURS)
    way = Choice(
        "发生了什么：认领、回到心愿墙、送达、致谢（告知认领人） /"
        " what happened: claimed, returned to the wall, delivered, thanked (told to the giver)",
        *WAYS,
    )
    moved_at = Moment("发生时间 / when it happened")


SCHEMAS: dict[str, EventData] = {WISH_MOVED: WishMoved()}
