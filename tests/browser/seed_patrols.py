"""A route in the rain, a drive with an item that came back, and wishes in every state."""

from __future__ import annotations

import io
from datetime import timedelta

from PIL import Image, ImageDraw
from sqlalchemy import text

from services.intake.actions import alerts, rectification, shifts, visits, wishes
from services.intake.actions.opening import Seals
from services.intake.actions.patrol_dues import watch
from services.intake.actions.patrol_routes import NewSpot, put_route, put_spots
from services.intake.actions.wishes import Giver
from services.intake.rules.patrols import NewVisit
from services.intake.rules.states import Actor
from services.intake.rules.wishes import NewWish
from shared import clock
from shared.messaging.transaction import Transaction

CLERK, WORKER, FIXER = Actor("account", "A-seed"), Actor("account", "A-seed-2"), "A-seed-3"
ROUTE = "R-1"
_SPOTS = (
    ("S1", "人民路下穿涵洞", "low_lying"),
    ("S2", "鹊舞小学南门", "school"),
    ("S3", "东河二号闸", "river"),
    ("S4", "长途汽车站出站口", "station"),
)
_WISHES = (
    ("goods_blue", "想要一只小一点的电饭煲", 19_900),
    ("convenience_yellow", "请人帮忙修一修漏水的水龙头", 5_000),
    ("urgent_red", "出院回家急需一辆轮椅", 120_000),
)


def rained(tx: Transaction, resident: str, seals: Seals, head: str) -> dict[str, str]:
    """What the addresses of pages may name: {drive}, {item}, {wish}, {own_wish}, {claimed}."""
    grid, district = tx.session.execute(
        text(
            "SELECT r.grid_code, (SELECT code FROM areas WHERE kind = 'district' LIMIT 1)"
            " FROM residents r WHERE resident_no = :no"
        ),
        {"no": resident},
    ).one()
    _walk(tx, grid, district, seals)
    _stand(tx, district, head)
    return {**_mend(tx, grid, district), **_wish(tx, resident, seals)}


def _walk(tx: Transaction, grid: str, district: str, seals: Seals) -> None:
    put_route(tx, ROUTE, "防汛一号线", district)
    spots = [
        NewSpot(spot_code=code, name=name, kind=kind, grid_code=grid, address="合心路 8 号旁")
        for code, name, kind in _SPOTS
    ]
    put_spots(tx, ROUTE, spots)
    alerts.proclaim(tx, district, "orange", "区防汛办〔2026〕3号", CLERK.no)
    for number, depth in enumerate((2, 5, 9, 18, 31, 12, 4)):
        new = NewVisit(
            client_id=f"seed-{number}",
            spot_code="S1",
            visited_at=clock.now() - timedelta(minutes=60 * (7 - number)),
            checks={"drain": depth < 15, "sign": True},
            readings={"water_depth": depth},
            note="水在退" if depth == 12 else "",
        )
        visits.record(tx, new, CLERK.no, seals)
    tx.session.execute(
        text("UPDATE patrol_dues SET alarm_at = :now WHERE spot_code IN ('S1', 'S2')"),
        {"now": clock.now()},
    )
    watch(tx)


def _stand(tx: Transaction, district: str, head: str) -> None:
    start = clock.now() - timedelta(hours=7)
    login = tx.session.execute(
        text("SELECT login FROM accounts WHERE account_no = :no"), {"no": head}
    ).scalar_one()
    early, late = (
        shifts.plan(tx, district, begin, begin + timedelta(hours=8), login, [])
        for begin in (start, start + timedelta(hours=8))
    )
    shifts.begin(tx, early, head)
    shifts.hand_over(tx, early, late, "人民路涵洞水位还在涨，沙袋放在东侧。", head)


def _mend(tx: Transaction, grid: str, district: str) -> dict[str, str]:
    tx.session.execute(
        text(
            "INSERT INTO units (unit_code, kind, name, name_en, area_code, is_fallback, is_active)"
            " VALUES ('U-seed', 'department', '城管中队', 'City management', :area, false, true)"
        ),
        {"area": district},
    )
    today = clock.today()
    drive = rectification.open_drive(
        tx,
        rectification.Drive(
            title="占道经营集中整治",
            area_code=district,
            unit_code="U-seed",
            starts_on=today,
            ends_on=today + timedelta(days=30),
            recheck_days=[7, 30, 90],
        ),
        CLERK.no,
    )
    items = [
        rectification.find(
            tx, drive, what=what, place=place, grid_code=grid, photo=_photo(n), by=CLERK.no
        )
        for n, (what, place) in enumerate(
            (("店外摆摊", "人民路 3 号"), ("占道停车", "合心路 9 号"), ("乱堆杂物", "3 号楼后"))
        )
    ]
    for number, item in enumerate(items[:2]):
        rectification.fix(tx, item, photo=_photo(number + 7), note="", by=FIXER)
    rectification.approve(tx, items[0], note="", by=CLERK.no)
    rectification.recheck(
        tx, items[0], is_good=False, photo=_photo(4), note="又摆出来了", by=CLERK.no
    )
    return {"drive": str(drive), "item": str(items[0]), "fixed_item": str(items[1])}


def _wish(tx: Transaction, resident: str, seals: Seals) -> dict[str, str]:
    codes = []
    for place, (colour, words, cost) in enumerate(_WISHES * 2):
        new = NewWish(
            colour=colour,
            resident_no=resident,
            wall_text=words,
            detail="一个人住，行动不便",
            cost_fen=cost,
            has_consented=True,
        )
        code = wishes.register(tx, new, CLERK, seals.cipher)
        codes.append(code)
        if place == 5:
            break
        wishes.verify(tx, code, WORKER)
        wishes.publish(tx, code, words, CLERK, seals.cipher)
    claimed, thanked, waiting = codes[3], codes[4], codes[5]
    for code in (claimed, thanked):
        wishes.claim(tx, code, Giver("partner", "seed-shop"), CLERK)
    wishes.deliver(tx, thanked, CLERK, giver=None, picture=_photo(2))
    wishes.thank(tx, thanked, "水龙头修好了，谢谢师傅！", Actor("resident", resident))
    wishes.look_at_thanks(tx, thanked, CLERK, is_good=True)
    return {"wish": codes[2], "claimed": claimed, "thanked": thanked, "waiting_wish": waiting}


def _photo(seed: int) -> bytes:
    drawn, image = io.BytesIO(), Image.new("RGB", (480, 320), "#cfd8d3")
    pen = ImageDraw.Draw(image)
    for n in range(10):
        left, top = 61 * (n + seed * 3) % 400, 47 * (n * (seed + 1)) % 260
        pen.rectangle((left, top, left + 90, top + 50), fill=(25 * n, 120, 40 + 20 * seed))
    image.save(drawn, "JPEG")
    return drawn.getvalue()
