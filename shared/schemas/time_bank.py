"""What points says of time coins that move between districts."""

from __future__ import annotations

from shared.schemas.fields import Choice, EventData, Id, Moment, Text, Whole

COINS_DEPARTED = "linli.coins.departed.v1"
COINS_RETURNED = "linli.coins.returned.v1"
COINS_ARRIVED = "linli.coins.arrived.v1"

RETURN_REASONS = (
    "cancelled",
    "expired",
    "peer_inactive",
    "unknown_resident",
    "transfer_max",
    "month_max",
    "balance_max",
    "lot_ended",
)

_AMOUNT_MAX = 10**12


class _Moved(EventData):
    transfer_id = Id("转移编号 / transfer id")
    resident_no = Text("本区居民编号 / number of the resident of this district", 1, 32)
    district = Text("对方区名 / name of the other district", 1, 40)
    coins = Whole("时间币 / time coins", 1, _AMOUNT_MAX)
    coins_balance = Whole("时间币余额 / balance of time coins", 0, _AMOUNT_MAX)


class CoinsDeparted(_Moved):
    about = "时间币已转到外区 / time coins have arrived in another district"

    settled_at = Moment("对方收到后入账的时间 / settled at")


class CoinsReturned(_Moved):
    about = "外区未接收，时间币已退回 / the other district took them not, the coins are back"

    reason = Choice("原因 / reason", *RETURN_REASONS)
    settled_at = Moment("退回时间 / settled at")


class CoinsArrived(_Moved):
    about = "从外区转入时间币 / time coins came from another district"

    arrived_at = Moment("入账时间 / credited at")


SCHEMAS: dict[str, EventData] = {
    COINS_DEPARTED: CoinsDeparted(),
    COINS_RETURNED: CoinsReturned(),
    COINS_ARRIVED: CoinsArrived(),
}
