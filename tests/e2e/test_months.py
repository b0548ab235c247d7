"""Random months, every kind of fault in them, end exactly at the answer worked out beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.district import visiting
from tests.e2e.months import marked_month, shuffled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize(("seed", "sends"), [(11, 500), (22, 300), (33, 200)])
def test_a_random_month_ends_at_its_answer(
    service_stack: dict[str, str], tmp_path: Path, seed: int, sends: int
) -> None:
    month = marked_month(tmp_path / "month", seed=seed, sends=sends)
    with visiting(tmp_path / "run") as district:
        played = district.play(month)
        played.assert_right()
        district.assert_books_sound()


def test_another_order_changes_no_total(service_stack: dict[str, str], tmp_path: Path) -> None:
    month = marked_month(tmp_path / "month", seed=44, sends=300, barriers=2)
    turned = shuffled(month, tmp_path / "turned", seed=1)
    found = []
    for place, each in enumerate((month, turned)):
        with visiting(tmp_path / f"run{place}") as district:
            played = district.play(each)
            played.assert_right()
            found.append(
                (
                    played.outcome.verdicts,
                    played.outcome.totals,
                    played.outcome.requests,
                    played.outcome.notices,
                    district.rows(
                        "points",
                        "SELECT owner, asset, balance FROM accounts"
                        " WHERE owner_kind <> 'issuer' ORDER BY 1, 2",
                    ),
                )
            )
    assert found[0] == found[1]
