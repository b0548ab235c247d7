"""What notices call the codes that events carry, Chinese and English. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_OF_REQUESTS: Mapping[str, tuple[str, str]] = {
    "not_ours": ("不属于受理范围", "it is not for this service"),
    "emergency": (
        "紧急情况请拨打 110、119、120 或 122",
        "in an emergency please call 110, 119, 120 or 122",
    ),
    "court": (
        "应通过诉讼、仲裁或行政复议解决",
        "it is for a court, arbitration or administrative review",
    ),
    "secret": ("涉及国家秘密", "it touches state secrets"),
    "repeated": ("同一事项已经办结", "the same matter was closed before"),
    "not_found": ("经核实，现场没有所述情况", "what was told was not found there"),
    "no_facts": ("情况不清且联系不上您", "it was not clear and you could not be reached"),
    "police": ("公安机关", "the police"),
    "court_or_arbitration": ("法院或仲裁机构", "a court or an arbitration body"),
    "upper_level": ("上级部门", "a higher authority"),
    "other_district": ("其他区", "another district"),
    "utility": ("水电气热等公用企业", "the water, power, gas or heating company"),
    "funds": ("需要落实资金", "money has to be found first"),
    "season": ("需待合适的季节", "it must wait for the season"),
    "consent": ("需要取得相关居民同意", "residents concerned have to agree first"),
    "law": ("需要先有法规或政策依据", "a legal basis is needed first"),
    "resolved": ("已解决", "it is solved"),
    "partly": ("部分解决", "it is solved in part"),
    "explained": ("已解释说明", "it was explained"),
    "unresolved": ("暂未解决", "it could not be solved"),
}
_OF_WISHES: Mapping[str, tuple[str, str]] = {
    "claimed": ("已有人认领，正在准备", "somebody has claimed it and prepares it"),
    "returned": ("未能按期送达，已回到心愿墙", "it was not delivered and is on the wall again"),
    "delivered": ("已送达", "it has been delivered"),
    "thanked": ("受益人向您致谢，请到心愿墙查看", "its beneficiary thanks you: see the wall"),
}
_OF_THE_HALL: Mapping[str, tuple[str, str]] = {
    "hall_missing": ("材料还不齐，请查看所缺", "documents are missing: see which"),
    "hall_accepted": ("已受理，承诺在此日办结", "accepted, promised by this day"),
    "hall_done": ("已办结", "it is done"),
    "hall_refused": ("不予办理，请查看理由", "it was refused: see why"),
    "hall_reminded": ("您有预约，请带齐材料", "you have an appointment: bring your documents"),
}
WORDS: Mapping[str, tuple[str, str]] = {
    **_OF_REQUESTS,
    **_OF_WISHES,
    **_OF_THE_HALL,
    "elder_care": ("助老服务", "elder care"),
    "child_care": ("儿童关爱", "child care"),
    "civilised_practice": ("文明实践", "civilised practice"),
    "environment": ("环境整治", "environment"),
    "patrol": ("巡逻", "patrol"),
    "policy_advice": ("政策宣讲", "policy advice"),
    "culture": ("文化", "culture"),
    "flood_duty": ("防汛值守", "flood duty"),
    "goods_blue": ("蓝色·物品类", "blue, goods"),
    "convenience_yellow": ("黄色·便民类", "yellow, convenience"),
    "urgent_red": ("红色·急难类", "red, urgent"),
    "spent": ("家人按您的同意使用了您的积分", "your household spent, as you agreed,"),
    "gift": ("家人赠与您积分", "your household gave you"),
    "reversal": ("冲正", "a record was reversed"),
    "adjustment": ("人工调整", "adjusted by hand"),
    "import": ("纸质存折转入", "brought forward from a paper book"),
    "repayment": ("抵扣欠分", "owed points were repaid"),
    "grant": ("社区积分池帮扶您积分", "the community's pool gave you"),
    "dismissed": ("异议不成立，公示期满即入账", "dismissed: the points count after the notice"),
    "points": ("积分", "points"),
    "time_coins": ("时间币", "time coins"),
    "timeout": ("逾期未领", "was not collected in time"),
    "cancelled": ("您已取消", "was cancelled by you"),
    "expired": ("对方收到时已过有效期", "it came too late"),
    "peer_inactive": ("对方已暂停往来", "exchange is suspended there"),
    "unknown_resident": ("对方没有这个居民编号", "that number is not known there"),
    "transfer_max": ("超过对方每笔上限", "it was more than one transfer may carry there"),
    "month_max": ("超过对方每月上限", "it was more than a month allows there"),
    "balance_max": ("超过对方持有上限", "it was more than may be held there"),
    "lot_ended": ("有时间币已到期", "some of the coins had ended"),
    "cancelled_by_staff": ("窗口已取消", "was cancelled at the counter"),
    "upheld": ("异议成立，这笔积分已撤销", "upheld: these points were taken back"),
}
