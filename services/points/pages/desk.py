"""积分工作台: the one page from which staff, managers and auditors reach all that points can do."""

from __future__ import annotations

from flask import Blueprint

from shared.web.access import require_role
from shared.web.desk import Place, render_desk
from shared.web.i18n import t

ROLES = ("staff", "manager", "auditor")


PLACES = (
    Place("/passbooks", "存折", "Passbooks", "查某位居民的流水", "Entries of one resident"),
    Place("/points/rewards", "奖品目录", "Rewards", "代居民兑换", "Redeem for a resident"),
    Place(
        "/points/counter",
        "兑换核销",
        "Counter",
        "凭领取码发放奖品",
        "Hand out rewards by code",
        frozenset({"staff"}),
    ),
    Place(
        "/points/catalogue",
        "奖品管理",
        "Catalogue",
        "上架、补货、时段",
        "Offers, stock and times",
        frozenset({"manager", "auditor"}),
    ),
    Place(
        "/points/desk/certificates",
        "服务证明",
        "Certificates",
        "制证、签发、登记簿",
        "Make, issue, and the register",
    ),
    Place("/points/proof", "每日封存", "Proof", "每日的根与核验", "Roots of each day"),
    Place("/points/corrections", "更正", "Corrections", "冲正与人工调整", "Reversals, adjustments"),
    Place(
        "/points/imports", "纸质存折转入", "Paper books", "检查、提交、撤回", "Check and bring in"
    ),
    Place("/points/flags", "疑点", "Flags", "请人核查的记录", "What a person should look at"),
    Place("/points/rules", "积分规则", "Rules", "现行与往期规则", "The rules, now and before"),
    Place(
        "/points/desk/public-notices",
        "公示管理",
        "Public notices",
        "发布公示，与账本核对，代登记异议",
        "Publish notices, tie them to the ledger, enter objections",
    ),
    Place(
        "/points/desk/objections",
        "异议裁决",
        "Objections",
        "裁决公示中有异议的行",
        "Decide disputed lines of notices",
        frozenset({"manager", "auditor"}),
    ),
    Place(
        "/points/liability",
        "积分负债",
        "Points owed",
        "收支滚动、到期预测、预算执行",
        "Roll-forward, what will end, budgets",
        frozenset({"manager", "auditor"}),
    ),
    Place(
        "/points/budgets",
        "预算与折算率",
        "Budgets and rates",
        "一人提议，另一人审核",
        "One person proposes, another decides",
        frozenset({"manager", "auditor"}),
    ),
    Place(
        "/points/journal",
        "账本导出",
        "Export the ledger",
        "hledger、beancount、Excel",
        "hledger, beancount, Excel",
        frozenset({"auditor"}),
    ),
    Place(
        "/points/rules/drafts",
        "规则草案",
        "Drafts of rules",
        "起草、试算、由第二人审核发布",
        "Write, simulate, publish by a second person",
        frozenset({"manager", "auditor"}),
    ),
    Place(
        "/points/proposals",
        "提议与复核",
        "Proposals",
        "荣誉、帮扶、申诉、新规则：一人提议，另一人复核",
        "Honours, grants, appeals, rules: one proposes, another decides",
    ),
    Place(
        "/points/households",
        "家庭共用",
        "Households",
        "同意、赠与与捐赠；可代办",
        "Consents, gifts and donations; also for somebody",
    ),
    Place(
        "/points/time-bank",
        "时间币通兑",
        "Time coins elsewhere",
        "代办转出外区，查在途，登记对接区",
        "Send to other districts, what is on its way, the districts",
    ),
    Place(
        "/points/ratings",
        "星级与评价",
        "Stars and rating",
        "怎么算、有什么用",
        "How they count and what for",
    ),
)


def add_desk(blueprint: Blueprint) -> None:
    """/points/desk."""

    @blueprint.get("/points/desk")
    @require_role(*ROLES)
    def show_desk() -> str:
        return render_desk(t("积分工作台", "Points desk"), PLACES)
