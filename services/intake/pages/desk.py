"""受理工作台: the one page from which staff reach all that intake can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flask import Blueprint
from sqlalchemy.orm import Session

from services.intake.pages.due import due_tidings
from services.intake.queries.patrols import alarms_of_head
from shared.db.session import Sessions
from shared.web.access import require_role
from shared.web.auth import Account, signed_in
from shared.web.desk import Place, Tiding, render_desk
from shared.web.i18n import t

ROLES = ("staff", "manager", "operator", "auditor")


def _missed_visits(session: Session, account: Account) -> Iterable[Tiding]:
    """Whoever heads a shift on duty hears of each missed visit in its area."""
    if count := alarms_of_head(session, account.account_no):
        yield Tiding(
            "/patrol/alarms",
            t(f"本班有 {count} 处漏巡", f"{count} missed visits in your shift"),
            "bad",
        )


def _due(session: Session, account: Account) -> Iterable[Tiding]:
    """What has run out of time in the reader's units, and a calendar that ends soon."""
    for path, words, tone in due_tidings(session, account):
        yield Tiding(path, words, tone)


TELLERS: tuple[Callable[[Session, Account], Iterable[Tiding]], ...] = (
    _due,
    _missed_visits,
)

PLACES = (
    Place(
        "/rectification",
        "集中整治",
        "Rectification",
        "整改前后、核查、复查",
        "Before and after, checks, recurrence",
    ),
    Place(
        "/wishes/desk",
        "微心愿",
        "Wishes",
        "核实、发布、送达、致谢",
        "Verify, publish, deliver, thank",
        frozenset({"staff", "manager", "auditor"}),
    ),
    Place(
        "/desk/due", "待办", "Due", "快到期和已超期的时限、延期申请", "What runs out, and more time"
    ),
    Place(
        "/board",
        "看板",
        "Board",
        "今天先办什么、三率、排名",
        "What is first today, the three rates, places",
    ),
    Place(
        "/patrol",
        "巡查",
        "Patrols",
        "现在该巡哪里、告警、值班",
        "What is due now, alarms, shifts",
    ),
    Place(
        "/requests",
        "诉求",
        "Requests",
        "查、办、看进度",
        "Find, handle, follow",
        frozenset({"staff", "operator", "auditor"}),
    ),
    Place(
        "/counter/requests",
        "窗口登记",
        "Counter",
        "键盘登记，回车到下一项",
        "Register from the keyboard",
        frozenset({"staff"}),
    ),
    Place(
        "/tea-stall",
        "茶摊",
        "Tea stalls",
        "没有网络也能记，同类归并",
        "Write down without network, group alike ones",
        frozenset({"staff", "operator", "auditor"}),
    ),
    Place(
        "/paper",
        "纸表",
        "Paper forms",
        "打印空表，扫描交回的表",
        "Print them, scan them back",
        frozenset({"staff"}),
    ),
    Place(
        "/hall/applications",
        "大厅代办",
        "Hall matters",
        "申请、材料、预约",
        "Applications, documents, appointments",
        frozenset({"staff", "operator", "auditor"}),
    ),
    Place(
        "/residents",
        "居民",
        "Residents",
        "居民名册",
        "The register",
        frozenset({"staff", "manager", "operator"}),
    ),
    Place("/register", "名册", "Register", "区域、楼栋、户室、住户", "Areas, buildings, homes"),
    Place(
        "/census",
        "入户摸底",
        "Census",
        "逐户登记，没有网络也能用",
        "Home by home, without network, too",
        frozenset({"staff", "manager"}),
    ),
    Place(
        "/units",
        "承办单位",
        "Units",
        "单位、岗位和职责",
        "Units, posts and duties",
        frozenset({"manager", "operator"}),
    ),
    Place(
        "/register/files",
        "名册导入导出",
        "Register files",
        "Excel 导入、导出",
        "Workbooks in and out",
        frozenset({"manager", "operator"}),
    ),
    Place(
        "/unmaskings",
        "查看记录",
        "Unmaskings",
        "谁因何看了居民的姓名、电话",
        "Who saw a name or a phone, and why",
        frozenset({"auditor"}),
    ),
    Place(
        "/desk/call-backs",
        "电话回访",
        "Call-backs",
        "逾期未评的诉求，按规则抽样回访",
        "Silent residents, called back by rule",
        frozenset({"staff"}),
    ),
    Place(
        "/desk/dispatch",
        "派单台",
        "Dispatch desk",
        "退单改派、归类、准确派单率",
        "What came back, what to classify, how well it goes",
    ),
    Place(
        "/desk/dispatch/rules",
        "派单规则",
        "Rules of dispatch",
        "哪类诉求给哪个单位",
        "Which unit gets what",
    ),
    Place(
        "/desk/claims",
        "领单一览",
        "Claims",
        "党员和志愿者领了什么，会什么",
        "What was claimed, and who can do what",
        frozenset({"staff", "operator", "auditor"}),
    ),
    Place(
        "/catalogue",
        "立案目录",
        "Catalogue of conditions",
        "事项、时限、结案条件",
        "Kinds, limits, closing conditions",
    ),
    Place(
        "/calendar",
        "工作日历",
        "Working calendar",
        "工作日、调休、办公时间",
        "Workdays, days in lieu, office hours",
    ),
    Place(
        "/privacy/people",
        "个人信息",
        "Personal data",
        "为居民导出、导出记录、保存期限",
        "Giving it out, the log of it, how long it stays",
        frozenset({"staff", "manager", "auditor"}),
    ),
    Place(
        "/desk/likeness",
        "相似诉求",
        "Alike requests",
        "系统提示、由人判定，并案可撤销",
        "Proposed, decided by people, undone at will",
        frozenset({"staff", "operator", "auditor"}),
    ),
    Place(
        "/intake/open311",
        "开放接口",
        "Open interface",
        "第三方应用的密钥、接入、批量导出",
        "Keys of other people's apps, the table in bulk",
        frozenset({"manager", "operator", "auditor"}),
    ),
)


def make_desk(sessions: Sessions) -> Blueprint:
    """`/desk`."""
    blueprint = Blueprint("desk", __name__)

    @blueprint.get("/desk")
    @require_role(*ROLES)
    def show_desk() -> str:
        with sessions() as session:
            tidings = [one for tell in TELLERS for one in tell(session, signed_in())]
        return render_desk(t("受理工作台", "Intake desk"), PLACES, tidings)

    return blueprint
