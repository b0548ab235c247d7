"""What tests of wishes begin with: a wish, and the way it goes to where a test wants it."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from services.intake.actions import wishes
from services.intake.actions.wishes import Giver
from services.intake.rules.states import Actor
from services.intake.rules.wishes import NewWish
from shared.messaging.transaction import transaction
from shared.schemas.wire import WISH_CLAIMED, WISH_FULFILLED
from tests.integration.intake.conftest import Intake, activity

CLERK, WORKER = Actor("account", "A-1"), Actor("account", "A-2")
NEIGHBOUR = Giver("resident", "R000002")
OFFICE = Giver("account", "A-3")
STATES = ("registered", "verified", "published", "claimed", "delivered", "thanking", "closed")


def new_wish(**changes: Any) -> NewWish:
    given = {
        "colour": "goods_blue",
        "resident_no": "R000001",
        "wall_text": "想要一只电饭煲",
        "detail": "旧的坏了，一个人用，小一点的就好",
        "cost_fen": 20_000,
        "has_consented": True,
        **changes,
    }
    return NewWish(**given)


def picture() -> bytes:
    drawn, image = io.BytesIO(), Image.new("RGB", (96, 64), "navy")
    image.paste("white", (10, 10, 60, 40))
    image.save(drawn, "JPEG")
    return drawn.getvalue()


def wished(intake: Intake, until: str = "published", **changes: Any) -> str:
    """A wish in a state; NEIGHBOUR is who claims it."""
    with transaction(intake.sessions) as tx:
        code = wishes.register(tx, new_wish(**changes), CLERK, intake.cipher)
    steps = [
        lambda tx: wishes.verify(tx, code, WORKER),
        lambda tx: wishes.publish(tx, code, "想要一只电饭煲", CLERK, intake.cipher),
        lambda tx: wishes.claim(tx, code, NEIGHBOUR, Actor("resident", NEIGHBOUR.no)),
        lambda tx: wishes.deliver(tx, code, CLERK, giver=None),
        lambda tx: wishes.thank(tx, code, "谢谢这位好邻居", Actor("resident", "R000001")),
        lambda tx: wishes.look_at_thanks(tx, code, CLERK, is_good=True),
    ]
    for step in steps[: STATES.index(until)]:
        with transaction(intake.sessions) as tx:
            step(tx)
    return code


def state_of(intake: Intake, code: str) -> str:
    return str(intake.one("SELECT state FROM wishes WHERE wish_code = :code", code=code))


def claiming(code: str, event_id: str = "c-1", partner: str = "tea-house") -> dict[str, Any]:
    return {
        **activity(event_id),
        "source": f"/partners/{partner}/main",
        "type": WISH_CLAIMED,
        "data": {"wish_code": code},
    }


def fulfilling(code: str, event_id: str = "f-1", **changes: Any) -> dict[str, Any]:
    data = {
        "wish_code": code,
        "resident_no": "R000001",
        "colour": "goods_blue",
        "cost_fen": 19_900,
        **changes,
    }
    return {**activity(event_id), "type": WISH_FULFILLED, "data": data}
