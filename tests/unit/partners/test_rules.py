"""What a partner may be called, and what its secrets look like."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.partners.rules import keys, organisations
from services.partners.rules.organisations import Kind, Status
from shared.errors import Conflict, Rejected

RANDOM = bytes(range(32))


def test_a_key_says_what_it_is_and_is_always_as_long() -> None:
    for random in (RANDOM, bytes(32), b"\xff" * 32):
        key = keys.make_key(random)
        assert re.fullmatch(r"llk_[0-9A-Za-z]{49}", key)
        assert keys.is_key(key)


def test_keys_of_different_bytes_differ() -> None:
    assert keys.make_key(bytes(32)) != keys.make_key(bytes(31) + b"\x01")


@given(st.integers(4, 52), st.sampled_from("0aZ9"), st.binary(min_size=32, max_size=32))
def test_one_wrong_character_is_never_a_key(place: int, other: str, random: bytes) -> None:
    key = keys.make_key(random)
    mistyped = key[:place] + other + key[place + 1 :]
    assert keys.is_key(mistyped) == (mistyped == key)


@pytest.mark.parametrize("text", ["", "llk_", "llk_" + "0" * 48, "LLK_" + "0" * 49, "密钥" * 30])
def test_what_is_no_key_is_told(text: str) -> None:
    assert not keys.is_key(text)


def test_a_key_is_kept_as_sha256() -> None:
    assert keys.key_hash("abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_password_is_kept_as_the_broker_keeps_it() -> None:
    """The example of RabbitMQ's documentation: salt 908D C60A, password test12."""
    assert keys.broker_hash("test12", bytes.fromhex("908DC60A")) == (
        "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    )


def test_a_password_needs_no_quoting_in_an_address() -> None:
    assert re.fullmatch(r"[0-9A-Za-z]{43}", keys.make_password(RANDOM))


@pytest.mark.parametrize("slug", ["ab", "enterprise-01", "a" * 40, "0-0"])
def test_good_slugs_pass(slug: str) -> None:
    assert organisations.check_slug(slug) == slug


@pytest.mark.parametrize(
    "slug", ["", "a", "a" * 41, "Acme", "a_b", "a.b", "a b", "acme\n", "企业", ".*", "a|b"]
)
def test_bad_slugs_are_refused_in_both_languages(slug: str) -> None:
    with pytest.raises(Rejected) as caught:
        organisations.check_slug(slug)
    assert (caught.value.code, caught.value.pointer) == ("bad_slug", "/slug")
    assert "小写字母" in caught.value.zh


@pytest.mark.parametrize("slug", sorted(organisations.RESERVED_SLUGS))
def test_names_of_other_users_and_pages_are_refused(slug: str) -> None:
    with pytest.raises(Rejected, match="reserved"):
        organisations.check_slug(slug)


def test_a_system_is_one_part_of_a_source() -> None:
    assert organisations.check_system("crm-2.main") == "crm-2.main"
    for wrong in ("", "a/b", "A", "-a", "a" * 65, "系统"):
        with pytest.raises(Rejected):
            organisations.check_system(wrong)


def test_event_types_are_kept_once_and_in_order() -> None:
    assert organisations.check_event_types(["b.v1", "a.v1", "b.v1"]) == ["a.v1", "b.v1"]
    with pytest.raises(Rejected):
        organisations.check_event_types(["a b"])
    with pytest.raises(Rejected):
        organisations.check_event_types([f"t{n}" for n in range(65)])


def test_revoked_is_for_good() -> None:
    organisations.check_not_revoked("acme", Status.SUSPENDED)
    with pytest.raises(Conflict, match="revoked"):
        organisations.check_not_revoked("acme", Status.REVOKED)


def test_kinds_are_those_of_the_register() -> None:
    assert {kind.value for kind in Kind} == {
        *("enterprise", "volunteer_team", "government", "merchant", "talent", "other"),
    }
