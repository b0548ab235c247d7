"""The pure part of the Open311 door: reading, checking, telling."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.api.open311.writing import as_xml
from services.intake.rules.open311.attributes import Attribute, check_answers, definition, kept
from services.intake.rules.open311.faults import Fault, Refused
from services.intake.rules.open311.moments import read_moment, written
from services.intake.rules.open311.posted import joined_name, read_posted, title_of
from services.intake.rules.open311.release import released
from services.intake.rules.open311.settings_file import read_settings_file
from services.intake.rules.open311.statuses import EXTENDED, PUBLIC_ACTIONS, notes_of, status_of
from services.intake.rules.states import State
from shared.errors import Rejected

SOUND = {"service_code": ["0404"], "address_string": ["合心路 8 号"]}


def faults_of(**changes: str | list[str] | None) -> list[str]:
    form = {**SOUND, **{k: [v] if isinstance(v, str) else v for k, v in changes.items()}}
    _, faults = read_posted({k: v for k, v in form.items() if v is not None})
    return [fault.code for fault in faults]


class TestPosted:
    def test_a_sound_form_has_no_fault(self) -> None:
        assert faults_of() == []
        assert faults_of(lat="31.2", long="121.4", address_string=None) == []
        assert faults_of(address_id="G1", address_string=None) == []

    @pytest.mark.parametrize(
        ("change", "codes"),
        [
            ({"service_code": None}, ["service_code"]),
            ({"service_code": "  "}, ["service_code"]),
            ({"address_string": None}, ["location"]),
            ({"address_string": " "}, ["location"]),
            ({"lat": "31"}, ["long"]),
            ({"long": "121"}, ["lat"]),
            ({"lat": "nan", "long": "1"}, ["lat"]),
            ({"lat": "91", "long": "181"}, ["lat", "long"]),
            ({"description": "长" * 4001}, ["description"]),
            ({"email": "no"}, ["email"]),
            ({"phone": "drop table"}, ["phone"]),
            ({"media_url": "ftp://x/y"}, ["media_url"]),
            ({"media_url": "http://"}, ["media_url"]),
            ({"media_url": [f"http://x/{n}" for n in range(11)]}, ["media_url"]),
            ({"first_name": "a" * 65}, ["first_name"]),
            ({"description": "a\x00b"}, ["form"]),
        ],
    )
    def test_faults_name_the_parameter(self, change: dict[str, str], codes: list[str]) -> None:
        assert faults_of(**change) == codes

    def test_several_faults_are_told_at_once(self) -> None:
        assert faults_of(lat="x", long="y", email="z", address_string=None) == [
            "lat",
            "long",
            "email",
        ]

    def test_an_empty_parameter_is_none(self) -> None:
        with_empty, _ = read_posted({**SOUND, "email": [""], "lat": [" "], "phone": []})
        without, _ = read_posted(SOUND)
        assert with_empty == without

    @pytest.mark.parametrize(
        ("first", "last", "name"),
        [
            ("芳", "王", "王芳"),
            ("王芳", "", "王芳"),
            ("", "王芳", "王芳"),
            ("王", "芳", "王芳"),
            ("若兰", "欧阳", "欧阳若兰"),
            ("Ada", "Lovelace", "Ada Lovelace"),
            ("", "", ""),
        ],
    )
    def test_han_names_have_no_blank(self, first: str, last: str, name: str) -> None:
        assert joined_name(first, last) == name

    def test_the_title_is_the_first_line(self) -> None:
        posted, _ = read_posted({**SOUND, "description": ["井盖没了\n晚上很危险"]})
        assert posted is not None
        assert title_of(posted, "井盖缺失") == "井盖没了"
        bare, _ = read_posted(SOUND)
        assert bare is not None
        assert title_of(bare, "井盖缺失") == "井盖缺失"

    def test_the_same_is_known_by_what_the_client_gave(self) -> None:
        def same(**more: list[str]) -> tuple[str | None, bool]:
            posted, _ = read_posted({**SOUND, **more})
            assert posted is not None
            return posted.same_as, posted.is_same_whatever_it_says

        assert same() == (None, False)
        number = {"attribute[fixmystreet_id]": ["7"]}
        assert same(**number) == same(**number, description=["edited"])
        assert same(**number)[1]
        device = {"device_id": ["d"]}
        assert same(**device) == same(**device)
        assert same(**device) != same(**device, description=["other"])


def attribute(datatype: str, **more: object) -> Attribute:
    base: dict[str, object] = {
        "code": "a",
        "position": 1,
        "is_required": True,
        "is_variable": True,
        "description_zh": "问",
        "description_en": "asked",
    }
    return Attribute(datatype=datatype, **{**base, **more})  # type: ignore[arg-type]


KEYS = (("x", "X"), ("y", "Y"))


@pytest.mark.parametrize(
    ("datatype", "good", "bad"),
    [
        ("string", [["好"]], [["字" * 251], ["a", "b"]]),
        ("text", [["字" * 4000]], [["字" * 4001]]),
        ("number", [["12"], ["-1.5"], ["+3"]], [["1e9"], ["NaN"], ["１"], ["1,5"], [""]]),
        (
            "datetime",
            [["2026-11-22T09:30:00+08:00"], ["2026-11-22T01:30:00Z"]],
            [["2026-11-22"], ["2026-11-22T09:30:00"], ["2026-13-22T09:30:00Z"]],
        ),
        ("singlevaluelist", [["x"]], [["z"], ["x", "y"]]),
        ("multivaluelist", [["x"], ["x", "y"]], [["x", "z"]]),
    ],
)
def test_answers_of_every_datatype(
    datatype: str, good: list[list[str]], bad: list[list[str]]
) -> None:
    asked = attribute(datatype, options=KEYS)
    for answer in good:
        assert check_answers([asked], {"a": answer}) == [], answer
        assert kept([asked], {"a": answer, "other": ["x"]}) == {"a": answer}
    for answer in bad:
        assert [f.code for f in check_answers([asked], {"a": answer})] == ["attribute[a]"], answer


def test_what_is_for_programs_is_never_required() -> None:
    hidden = attribute("string", is_variable=False, automated="server_set")
    assert check_answers([hidden], {}) == []
    shown = definition("0404", [hidden])["attributes"][0]
    assert (shown["required"], shown["variable"], shown["automated"]) == (
        False,
        False,
        "server_set",
    )
    assert [f.code for f in check_answers([attribute("string")], {})] == ["attribute[a]"]


class TestMoments:
    @pytest.mark.parametrize(
        ("text", "at"),
        [
            ("2026-01-01T08:00:00+08:00", datetime(2026, 1, 1, tzinfo=UTC)),
            ("2026-01-01T08:00:00 08:00", datetime(2026, 1, 1, tzinfo=UTC)),
            ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
            ("2026-01-01T00:00:00.123Z", datetime(2026, 1, 1, tzinfo=UTC)),
            ("2026-02-30T00:00:00Z", None),
            ("2026-01-01T00:00:00", None),
            ("0001-01-01T00:00:00+08:00", None),
            ("2026-01-01T00:00:00+99:99", None),
            ("", None),
        ],
    )
    def test_reading(self, text: str, at: datetime | None) -> None:
        assert read_moment(text) == at

    @given(st.datetimes(datetime(1901, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)))
    def test_what_is_written_is_read_again(self, at: datetime) -> None:
        assert read_moment(str(written(at))) == at.replace(microsecond=0)


@given(st.text())
def test_any_text_makes_xml_that_can_be_read(text: str) -> None:
    root = ET.fromstring(as_xml("errors", [{"code": "x", "description": text}]))
    read = root.findtext("error/description") or ""
    assert len(read) == len(text)
    assert "\x0b" not in read


def test_every_state_is_told() -> None:
    assert set(EXTENDED) == set(State)
    assert {status_of(state) for state in State} == {"open", "closed"}
    assert all(" / " in notes_of(state) for state in State)
    assert all(" / " in words for words in PUBLIC_ACTIONS.values())


def test_numbers_that_lead_to_a_person_stay_inside() -> None:
    told = released(
        "打 13812345678 或 138 1234 5678，身份证 110101199003078515，a.b@c.cn；单号 20261121000001"
    )
    assert told == (
        "打 138****5678 或 138****5678，身份证 110101************，***@***；单号 20261121000001"
    )


def test_the_worst_fault_gives_the_status() -> None:
    bad, unknown, key = (Fault(status, str(status), "", "") for status in (400, 404, 403))
    assert Refused([bad]).status == 400
    assert Refused([bad, unknown]).status == 404
    refused = Refused([bad, unknown, key])
    assert (refused.status, refused.faults) == (403, [key])


@pytest.mark.parametrize(
    ("services", "pointer"),
    [
        ("x", "/services"),
        ([{"service_code": ""}], "/services/0/service_code"),
        ([{"service_code": "1", "kind": "slow"}], "/services/0/kind"),
        ([{"service_code": "1", "odd": 1}], "/services/0/odd"),
        ([{"service_code": "1"}, {"service_code": "1"}], "/services/1/service_code"),
        (
            [{"service_code": "1", "attributes": [{"code": "积水"}]}],
            "/services/0/attributes/0/code",
        ),
        (
            [{"service_code": "1", "attributes": [{"code": "a", "datatype": "blob"}]}],
            "/services/0/attributes/0/datatype",
        ),
        (
            [
                {
                    "service_code": "1",
                    "attributes": [
                        {
                            "code": "a",
                            "datatype": "singlevaluelist",
                            "description_zh": "问",
                            "description_en": "q",
                        }
                    ],
                }
            ],
            "/services/0/attributes/0/values",
        ),
    ],
)
def test_a_faulty_file_is_refused_with_the_place(services: object, pointer: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_settings_file({"services": services})
    assert caught.value.pointer == pointer
