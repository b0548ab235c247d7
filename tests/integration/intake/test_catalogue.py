"""Versions of the catalogue: set up once, published by a second person, never changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.intake.actions import catalogue as publishing
from services.intake.queries.catalogue import catalogue_at, catalogues_of, condition_of, versions
from services.intake.rules.catalogue import Catalogue, Clock
from services.intake.rules.catalogue_file import read_catalogue, write_catalogue
from shared import clock
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import NOW, Intake, later


def in_force(intake: Intake) -> Catalogue:
    with intake.sessions() as session:
        found = catalogue_at(session, clock.now())
    assert found is not None
    return found


def hurried(catalogue: Catalogue, limit: str, days: int = 1) -> Catalogue:
    """The same with another limit for 0404-1, in force from some day on."""
    document = write_catalogue(catalogue)
    document["valid_from"] = (clock.today() + timedelta(days=days)).isoformat()
    (event,) = [e for g in document["groups"] for e in g["events"] if e["code"] == "0404"]
    event["conditions"][0]["limits"]["resolve"] = limit
    return read_catalogue(document, 0)


def limit_of(intake: Intake) -> str:
    with intake.sessions() as session:
        condition = condition_of(session, "0404", clock.now())
    assert condition is not None
    return str(condition.limits[Clock.RESOLVE])


def drafted(intake: Intake, catalogue: Catalogue, by: str = "A-1") -> int:
    with transaction(intake.sessions) as tx:
        return publishing.draft(tx, catalogue, by=by)


def published(intake: Intake, version: int, by: str = "A-2") -> None:
    with transaction(intake.sessions) as tx:
        publishing.publish(tx, version, by=by)


def test_a_district_is_set_up_with_the_catalogue_once(intake: Intake) -> None:
    intake.load()
    with intake.sessions() as session:
        rows = versions(session)
        early = catalogue_at(session, NOW - timedelta(days=300))
    assert [row.drafted_by for row in rows] == ["setup"]
    assert early is not None  # what came before the set-up is judged by it, too
    assert limit_of(intake) == "24 urgent_hours"


def test_a_new_version_waits_for_a_second_person_and_for_its_day(intake: Intake) -> None:
    first = in_force(intake)
    version = drafted(intake, hurried(first, "4 urgent_hours"))
    with pytest.raises(Conflict) as caught:
        published(intake, version, by="A-1")
    assert caught.value.code == "same_person"
    assert limit_of(intake) == "24 urgent_hours"
    published(intake, version)
    assert limit_of(intake) == "24 urgent_hours"
    later(days=1)
    assert limit_of(intake) == "4 urgent_hours"
    with intake.sessions() as session:
        kept = catalogues_of(session, [first.version, version])
    assert str(kept[first.version].conditions["0404-1"].limits[Clock.RESOLVE]) == "24 urgent_hours"


def test_one_that_begins_today_judges_nothing_that_was_before(intake: Intake) -> None:
    later(hours=1)
    published(intake, drafted(intake, hurried(in_force(intake), "4 urgent_hours", days=0)))
    assert limit_of(intake) == "4 urgent_hours"
    with intake.sessions() as session:
        before = condition_of(session, "0404", NOW)
    assert before is not None
    assert str(before.limits[Clock.RESOLVE]) == "24 urgent_hours"


def test_the_past_is_not_judged_anew(intake: Intake) -> None:
    with pytest.raises(Rejected) as caught:
        drafted(intake, hurried(in_force(intake), "4 urgent_hours", days=-1))
    assert caught.value.pointer == "/valid_from"
    version = drafted(intake, hurried(in_force(intake), "4 urgent_hours", days=0))
    later(days=1)
    with pytest.raises(Rejected):
        published(intake, version)


def test_a_draft_ends_once(intake: Intake) -> None:
    version = drafted(intake, hurried(in_force(intake), "4 urgent_hours"))
    with transaction(intake.sessions) as tx:
        publishing.withdraw(tx, version, by="A-1")
    with pytest.raises(Conflict):
        published(intake, version)
    with pytest.raises(Missing):
        published(intake, version + 1)


def test_what_was_drafted_is_what_comes_out(intake: Intake) -> None:
    first = in_force(intake)
    wanted = hurried(first, "3 work_days")
    version = drafted(intake, publishing.read_file(publishing.write_file(wanted)))
    published(intake, version)
    later(days=1)
    assert replace(in_force(intake), version=0).groups[3].events[3].conditions[0].limits == (
        wanted.groups[3].events[3].conditions[0].limits
    )
    assert write_catalogue(in_force(intake)) == write_catalogue(wanted)


def test_the_service_cannot_rewrite_a_version(intake: Intake) -> None:
    for statement in (
        "UPDATE catalogue_versions SET document = '{}'",
        "DELETE FROM catalogue_versions",
    ):
        with intake.sessions() as session, pytest.raises(ProgrammingError) as caught:
            session.execute(text(statement))
        assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)
