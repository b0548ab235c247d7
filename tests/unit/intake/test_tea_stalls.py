"""What is said at a tea stall: who said it, and what is alike."""

from __future__ import annotations

import pytest

from services.intake.rules.tea_stalls import Line, Who, alike, read_who, title_of
from shared.errors import Rejected

PARKING = (
    "小区停车位太少，晚上回来没地方停车",
    "停车位不够，晚上没地方停车",
    "晚上回来没地方停车",
    "小区的停车位太少了，希望增加",
    "停车位太少，晚上停车难",
)
OTHERS = ("三单元楼道灯坏了", "老人助餐点几点开门", "河边垃圾没人扫", "路灯不亮")


@pytest.mark.parametrize(
    ("typed", "who"),
    [
        ("", Who()),
        ("R000127", Who(resident_no="R000127")),
        ("r000127", Who(resident_no="R000127")),
        ("13812345678", Who(phone="13812345678")),
        ("王秀英 138 1234 5678", Who(name="王秀英", phone="13812345678")),
        ("王秀英，0571-87654321", Who(name="王秀英", phone="057187654321")),
        ("3号楼的王阿姨", Who(name="3号楼的王阿姨")),
    ],
)
def test_who_said_it_is_read_from_one_field(typed: str, who: Who) -> None:
    assert read_who(typed) == who


def test_a_name_that_is_a_tale_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        read_who("长" * 81)
    assert caught.value.pointer == "/who"


def test_alike_lines_are_proposed_together_and_strangers_are_not() -> None:
    said = [*PARKING, *OTHERS]
    lines = [Line(f"Q-{number}", "0501", text) for number, text in enumerate(said)]
    (group,) = alike(lines)
    assert {line.text for line in group} == set(PARKING)


def test_lines_of_two_kinds_are_never_alike() -> None:
    assert alike([Line("Q-1", "0501", PARKING[0]), Line("Q-2", "0404", PARKING[0])]) == []


def test_a_long_line_has_a_title_of_its_first() -> None:
    assert title_of("楼上漏水\n已经三个月了") == "楼上漏水"
    assert len(title_of("长" * 500)) == 120
