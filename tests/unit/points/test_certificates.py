"""What certificates say, and what stands in public."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest

from services.points.rules.certificates import Counted, contents, masked, number, standing

DAY = date(2026, 10, 9)


@pytest.mark.parametrize(
    ("resident_no", "shown"),
    [("R000123", "R***23"), ("R00080", "R***80"), ("R1", "***"), ("", "***")],
)
def test_a_number_is_masked(resident_no: str, shown: str) -> None:
    assert masked(resident_no) == shown


def test_a_certificates_number_tells_its_register() -> None:
    assert number("990101001001", 2026, 17) == "990101001001-2026-00017"


@pytest.mark.parametrize(
    ("state", "days", "stands"),
    [("issued", 1, "in_notice"), ("issued", 0, "valid"), ("issued", -9, "valid"),
     ("revoked", 1, "revoked"), ("revoked", -9, "revoked")],
)  # fmt: skip
def test_what_it_is_worth_on_a_day(state: str, days: int, stands: str) -> None:
    assert standing(state, DAY + timedelta(days=days), DAY) == stands
    assert standing("made", None, DAY) == "made"


def test_contents_by_kind_the_longest_first() -> None:
    counted = [
        Counted(uuid4(), DAY, 30, "patrol"),
        Counted(uuid4(), DAY, 90, "culture"),
        Counted(uuid4(), DAY + timedelta(days=2), 20, "patrol"),
    ]
    told = [(each["kind"], each["count"], each["minutes"]) for each in contents(counted)]
    assert told == [("culture", 1, 90), ("patrol", 2, 50)]
    assert contents(counted)[1]["last_on"] == "2026-10-11"
