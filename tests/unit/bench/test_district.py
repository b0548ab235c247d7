"""What the bench sends is what partners send, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import orjson

from deploy.bench import district
from deploy.bench.district import PARTNERS, Invention, recorded_event, wire_event
from deploy.bench.shipping import MANY, ONE, by_partner, contributions, packed
from deploy.month.credentials import Credential
from deploy.month.load import read_district
from shared import clock
from shared.schemas import check_envelope, load, wire
from shared.schemas.envelope import decode

NUMBERS = ["R1", "R2", "R3"]


def test_events_are_accepted_forms_with_codes_of_their_own() -> None:
    made = list(Invention(NUMBERS).activities("t", 40))
    assert [code for _, code, _ in made] == [f"t-{n:06d}" for n in range(40)]
    assert {partner for partner, _, _ in made} == set(PARTNERS)
    for each in made:
        document = orjson.loads(wire_event(*each))
        assert check_envelope(document) is None
        data = load(wire.ACTIVITY_ATTENDED, document["data"])
        assert data["checked_out_at"] < clock.now()
        event = decode(orjson.loads(recorded_event(*each)))
        assert load(event.type, event.data)["resident_no"] == data["resident_no"]


def test_each_call_has_a_month_to_itself() -> None:
    invention = Invention(NUMBERS)
    months = [
        {data["checked_in_at"][:7] for _, _, data in invention.activities(tag, 30)}
        for tag in ("a", "b", "c")
    ]
    assert all(len(each) == 1 for each in months)
    assert len(set.union(*months)) == 3


def test_the_directory_can_be_loaded(tmp_path: Path) -> None:
    district.write(tmp_path / "data")
    found = read_district(tmp_path / "data")
    assert [each["slug"] for each in found.partners] == list(PARTNERS)
    first = district._month_start(99).date()
    assert found.rules["valid_from"] < first.isoformat()
    assert len(district.residents(tmp_path / "data")) == 3000


def test_partners_send_as_themselves() -> None:
    credentials = {slug: Credential("p/w", "key") for slug in PARTNERS}
    sent = [(PARTNERS[0], '{"a":1}'), (PARTNERS[1], '{"b":1}'), (PARTNERS[0], '{"c":1}')]
    one, other = by_partner("amqp://x:y@h:1/partners", credentials, sent)
    assert one.url == f"amqp://{PARTNERS[0]}:p%2Fw@h:1/partners"
    assert (one.exchange, one.content_type) == (f"in.{PARTNERS[0]}", ONE)
    assert one.bodies == ['{"a":1}', '{"c":1}']
    assert other.bodies == ['{"b":1}']
    (batch, _) = by_partner("amqp://x:y@h:1/partners", credentials, sent, batch=50)
    assert (batch.content_type, batch.bodies) == (MANY, ['[{"a":1},{"c":1}]'])


def test_contributions_are_packed_as_a_relay_does() -> None:
    assert packed(["1", "2", "3"], 2) == ["[1,2]", "[3]"]
    assert packed(["1", "2"], 1) == ["1", "2"]
    assert contributions("amqp://h", ["1"], batch=100).content_type == MANY
    assert contributions("amqp://h", ["1"], batch=1).content_type == ONE
