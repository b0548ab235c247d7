"""The private broker and database that everything else in the tests stands on."""

from __future__ import annotations

import pika
import psycopg
import pytest
from psycopg import errors

from deploy.postgres.bootstrap import SERVICES
from tests import stack


@pytest.mark.parametrize("service", SERVICES)
def test_app_role_reads_and_writes_but_makes_no_tables(
    databases: dict[str, str], service: str
) -> None:
    owner, app = (databases[f"{service.upper()}{name}_DATABASE_URL"] for name in ("_OWNER", ""))
    with psycopg.connect(owner) as connection:
        connection.execute("CREATE TABLE made_by_owner (n int)")
    with psycopg.connect(app) as connection:
        connection.execute("INSERT INTO made_by_owner VALUES (1)")
        assert connection.execute("DELETE FROM made_by_owner").rowcount == 1
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE made_by_app (n int)")


def test_a_role_enters_its_own_database_only(databases: dict[str, str]) -> None:
    points, intake = databases["POINTS_DATABASE_URL"], databases["INTAKE_DATABASE_URL"]
    foreign = stack.with_path(points, intake.rpartition("/")[2])
    for url in (foreign, stack.with_path(points, "postgres")):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(url)


def test_each_module_has_virtual_hosts_of_its_own(vhosts: dict[str, str]) -> None:
    for url in vhosts.values():
        connection = pika.BlockingConnection(pika.URLParameters(url))
        channel = connection.channel()
        channel.queue_declare("q", durable=True, arguments={"x-queue-type": "quorum"})
        connection.close()


def test_broker_has_no_guest(service_stack: dict[str, str]) -> None:
    users = {user["name"] for user in stack.broker(service_stack, "GET", "/api/users").json()}
    assert "linli" in users
    assert "guest" not in users
