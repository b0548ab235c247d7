"""Makes the roles and databases of the services on a PostgreSQL server; safe to run again.

Each service has a role that owns its database and tables (for migrations) and a role that may
only read and write rows. Names and passwords are taken from the services' own settings, so the
local stack, the tests and the containers cannot disagree:

    POSTGRES_SUPERUSER_URL=postgresql://… python -m deploy.postgres.bootstrap
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from shared import config

SERVICES = ("intake", "points", "partners", "notify")

_SCHEMA_RIGHTS = """\
ALTER SCHEMA public OWNER TO {owner};
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {role};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE, SELECT ON SEQUENCES TO {role};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT EXECUTE ON FUNCTIONS TO {role}
"""


@dataclass(frozen=True)
class Login:
    """What a database URL says."""

    role: str
    password: str
    database: str

    @classmethod
    def of(cls, url: str) -> Login:
        """Raises ValueError when the URL lacks a user, a password or a database."""
        parts = urlsplit(url)
        login = cls(
            unquote(parts.username or ""), unquote(parts.password or ""), parts.path.lstrip("/")
        )
        if not (login.role and login.password and login.database):
            raise ValueError(
                "数据库地址须含用户、密码和库名 / a database URL needs user, password and database"
            )
        return login


def bootstrap(
    superuser_url: str, settings: Mapping[str, str], services: Iterable[str] = SERVICES
) -> None:
    """Make roles and databases, or bring their passwords and rights up to date.

    `settings` holds <SERVICE>_DATABASE_URL and <SERVICE>_OWNER_DATABASE_URL (or …_FILE).
    """
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for database in ("postgres", "template1"):
            _run(connection, "REVOKE ALL ON DATABASE {name} FROM PUBLIC", name=database)
        for service in services:
            prefix = service.upper()
            app = Login.of(config.read(f"{prefix}_DATABASE_URL", env=settings))
            owner = Login.of(config.read(f"{prefix}_OWNER_DATABASE_URL", env=settings))
            for login in (app, owner):
                _make_role(connection, login)
            make_database(connection, app.database, role=app.role, owner=owner.role)
            _grant_schema(superuser_url, app.database, role=app.role, owner=owner.role)


def make_database(
    connection: psycopg.Connection[tuple[object, ...]],
    name: str,
    *,
    role: str,
    owner: str,
    template: str = "template0",
) -> None:
    """Make a database that only its two roles may enter; leaves one that exists as it is.

    A copy of a template brings the rights inside it along, but not those to enter it.
    """
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
    if found.fetchone() is None:
        made = "CREATE DATABASE {name} OWNER {owner} TEMPLATE {template} ENCODING 'UTF8'"
        _run(connection, made, name=name, owner=owner, template=template)
    _run(connection, "REVOKE ALL ON DATABASE {name} FROM PUBLIC", name=name)
    _run(connection, "GRANT CONNECT ON DATABASE {name} TO {role}", name=name, role=role)


def _make_role(connection: psycopg.Connection[tuple[object, ...]], login: Login) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login.role,))
    verb = "CREATE" if found.fetchone() is None else "ALTER"
    rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"
    text = sql.SQL(f"{verb} ROLE {{role}} {rights} PASSWORD {{password}}")
    connection.execute(
        text.format(role=sql.Identifier(login.role), password=sql.Literal(login.password))
    )


def _grant_schema(superuser_url: str, database: str, *, role: str, owner: str) -> None:
    with psycopg.connect(superuser_url, dbname=database, autocommit=True) as connection:
        for statement in _SCHEMA_RIGHTS.split(";"):
            _run(connection, statement, role=role, owner=owner)


def _run(connection: psycopg.Connection[tuple[object, ...]], text: str, **names: str) -> None:
    identifiers = {key: sql.Identifier(name) for key, name in names.items()}
    connection.execute(sql.SQL(text).format(**identifiers))


def main() -> None:
    """Entry point for containers; settings come from the environment."""
    bootstrap(config.read("POSTGRES_SUPERUSER_URL"), config.environment())


if __name__ == "__main__":
    main()
