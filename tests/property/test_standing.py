"""Laws of stars, ratings, conversions and shared spending, over whatever numbers there are."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.points.rules.conversions import converted, read_conversion
from services.points.rules.declared_examples import RATING, TIME_COINS
from services.points.rules.households import Member, allocate
from services.points.rules.lots import HeldLot, Lot
from services.points.rules.rating import ATTRIBUTES, SCORE_MAX, Note, read_rating, score
from services.points.rules.stars import DEFAULT, Ladder, Level, Totals, changes, star_of

ON = date(2026, 10, 1)
days = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@st.composite
def ladders(draw: st.DrawFn) -> list[Ladder]:
    """Versions of a ladder that follow each other within a year."""
    versions = []
    for version, on in enumerate(sorted(draw(st.lists(days, max_size=3)))):
        keys = draw(st.lists(st.tuples(st.integers(1, 900), st.integers(0, 90)), min_size=1))
        levels = tuple(Level(m, p) for m, p in sorted(keys))
        versions.append(
            Ladder(name="x", version=version, valid_from=on, programme=None, levels=levels)
        )
    return [DEFAULT, *versions]


added = st.dictionaries(days, st.builds(Totals, st.integers(-200, 400), st.integers(-20, 40)))


@given(ladders(), added, st.lists(days, max_size=4))
def test_reckoning_in_steps_is_reckoning_at_once(
    versions: list[Ladder], by_day: dict[date, Totals], stops: list[date]
) -> None:
    """However often somebody reckons, and wherever he left off, the changes are the same."""
    end = date(2026, 12, 31)
    at_once, stands = changes(versions, by_day, through=end)
    stepped, before, seen = [], None, date.min
    for stop in [*sorted(set(stops)), end]:
        part = {day: what for day, what in by_day.items() if seen < day <= stop}
        marked, before = changes(versions, part, through=stop, before=before)
        stepped += marked
        seen = stop
    assert before is not None
    assert (before.star, before.totals) == (stands.star, stands.totals)
    told = {change.on_date: change.star for change in stepped}
    assert told == {change.on_date: change.star for change in at_once}


@given(st.integers(0, 10**6), st.integers(0, 10**6), ladders())
def test_more_never_makes_fewer_stars(minutes: int, points: int, versions: list[Ladder]) -> None:
    ladder = versions[-1]
    star = star_of(ladder, Totals(minutes, points))
    assert star <= star_of(ladder, Totals(minutes + 1, points)) <= len(ladder.levels)
    assert star <= star_of(ladder, Totals(minutes, points + 1))


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 10**6))
def test_converting_twice_is_converting_the_sum(
    first: int, more: int, takes: int, makes: int
) -> None:
    rule = read_conversion("x", 1, ON, {**TIME_COINS, "from_amount": takes, "to_amount": makes})
    one = converted(rule, first)
    two = converted(rule, one.left + more)
    whole = converted(rule, first + more)
    assert (one.made + two.made, one.taken + two.taken, two.left) == (
        whole.made,
        whole.taken,
        whole.left,
    )
    assert whole.taken * makes == whole.made * takes
    assert 0 <= whole.left < takes


held = st.lists(
    st.builds(
        HeldLot,
        st.builds(Lot, st.dates(date(2026, 9, 20), date(2026, 10, 20)), st.integers(1, 3)),
        st.integers(0, 50),
    ),
    max_size=6,
    unique_by=lambda one: one.lot,
)


@given(
    held,
    st.lists(st.tuples(held, st.integers(0, 60)), max_size=3),
    st.integers(1, 200),
    st.booleans(),
)
def test_shared_spending_takes_exactly_what_is_allowed_and_what_ends_first(
    own: list[HeldLot], others: list[tuple[list[HeldLot], int]], amount: int, own_first: bool
) -> None:
    members = [Member("A", own, None)]
    members += [Member(f"B{n}", lots, most) for n, (lots, most) in enumerate(others)]
    good = {
        one.resident_no: sum(h.remaining for h in one.held if h.lot.expires_on >= ON)
        for one in members
    }
    room = {
        one.resident_no: good[one.resident_no]
        if one.most is None
        else min(one.most, good[one.resident_no])
        for one in members
    }
    try:
        taken = allocate(iter(members), amount, ON, own_first=own_first)
    except ValueError:
        assert sum(room.values()) < amount
        return
    assert sum(share.amount for share in taken) == amount
    for one in members:
        mine = [share for share in taken if share.resident_no == one.resident_no]
        assert sum(share.amount for share in mine) <= room[one.resident_no]
        for share in mine:
            kept = {h.lot: h.remaining for h in one.held}
            assert 0 < share.amount <= kept[share.lot]
            assert share.lot.expires_on >= ON
    if own_first:
        of_others = sum(share.amount for share in taken if share.resident_no != "A")
        assert of_others == max(0, amount - good["A"])
    parts = (
        [[s for s in taken if (s.resident_no == "A") is is_own] for is_own in (True, False)]
        if own_first
        else [taken]
    )
    for part in parts:
        assert [s.lot.expires_on for s in part] == sorted(s.lot.expires_on for s in part)


amounts = st.dictionaries(st.integers(0, 12), st.integers(0, 10**7), max_size=4)
facts = st.dictionaries(st.sampled_from(sorted(ATTRIBUTES)), amounts)
DEDUCTS = {
    "enabled": True,
    "items": [
        {"code": "false_record", "zh": "虚假补录", "en": "False record", "points": 100, "years": 1}
    ],
}
notes = st.lists(
    st.builds(
        lambda number, kind, back: Note(
            note_id=str(number),
            kind=kind,
            part="false_record" if kind == "deduction" else "volunteer",
            points=100 if kind == "deduction" else 10,
            voids=None,
            on_date=ON - timedelta(days=back),
        ),
        st.integers(0, 10**6),
        st.sampled_from(["repair", "deduction"]),
        st.integers(0, 1000),
    ),
    max_size=15,
    unique_by=lambda note: note.note_id,
)


@given(facts, notes, st.booleans(), st.integers(0, 600))
def test_a_score_is_the_sum_of_its_parts_within_bounds(
    done: dict[str, dict[int, int]], decided: list[Note], deducts: bool, base: int
) -> None:
    body: dict[str, Any] = {**RATING, "base": base}
    body["deductions"] = {**DEDUCTS, "enabled": deducts}
    found = score(read_rating(1, ON, body), done, decided, ON)
    told = found.base + sum(one.points for one in (*found.parts, *found.deductions))
    assert found.score == max(0, min(SCORE_MAX, told))
    assert all(0 <= one.points <= one.most for one in found.parts)
    assert all(one.reason and one.why.zh and one.why.en for one in found.parts)
    if not deducts:
        assert found.score >= base
        assert found.deductions == ()


@given(facts, st.sampled_from(sorted(ATTRIBUTES)), st.integers(0, 12), st.integers(1, 10**6))
def test_doing_more_never_lowers_a_score(
    done: dict[str, dict[int, int]], name: str, years: int, more: int
) -> None:
    rating = read_rating(1, ON, RATING)
    better = {key: dict(by_year) for key, by_year in done.items()}
    better.setdefault(name, {})[years] = better.get(name, {}).get(years, 0) + more
    assert score(rating, better, [], ON).score >= score(rating, done, [], ON).score


@given(notes)
def test_voiding_a_deduction_restores_the_score(decided: list[Note]) -> None:
    rating = read_rating(1, ON, {**RATING, "deductions": DEDUCTS})
    off = [note for note in decided if note.kind == "deduction"]
    kept = [note for note in decided if note.kind == "repair"]
    voids = [
        Note(
            note_id=f"void-{note.note_id}",
            kind="void",
            part=note.part,
            points=0,
            voids=note.note_id,
            on_date=ON,
        )
        for note in off
    ]
    assert score(rating, {}, [*kept, *off, *voids], ON) == score(rating, {}, kept, ON)
