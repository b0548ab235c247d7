"""Gives tests a real broker and real databases, fresh ones for each module that asks.

Ask for `settings` (everything), `databases` or `vhosts`; a test that asks for none starts
nothing. The stack starts once per session, in the process that pytest was called in.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import settings as hypothesis_settings

from deploy.local.processes import StackError
from deploy.postgres.bootstrap import SERVICES
from shared.web import passwords
from tests import stack

# How long an example takes says how busy the machine is, and nothing of the law it tests.
hypothesis_settings.register_profile("linli", deadline=None)
hypothesis_settings.load_profile("linli")

_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
_STACK = pytest.StashKey[object]()
_ROOT = Path(__file__).resolve().parents[1]
_LONG = ("e2e", "browser", "property", "architecture")
_NEEDS_STACK = ("databases", "vhosts", "settings", "service_stack")


def pytest_configure(config: pytest.Config) -> None:
    """With xdist the controller starts the stack before its workers, who inherit its address."""
    parallel = bool(config.getoption("numprocesses", None))
    if parallel and not _is_worker(config) and not config.option.collectonly:
        _start(config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes begin first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.path.relative_to(_ROOT).parts[1] not in _LONG)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Without xdist it is known by now whether any test needs it."""
    config = session.config
    if _is_worker(config) or config.option.collectonly or config.getoption("numprocesses", None):
        return
    if any(set(_NEEDS_STACK) & set(getattr(item, "fixturenames", ())) for item in session.items):
        _start(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing that a session started outlives it."""
    started = config.stash.get(_STACK, None)
    if isinstance(started, stack.LocalStack):
        started.destroy()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _start(config: pytest.Config) -> None:
    try:
        config.stash[_STACK] = stack.start()
    except StackError as problem:
        if _CI:
            pytest.exit(str(problem), returncode=1)
        os.environ["LINLI_TEST_STACK_MISSING"] = str(problem)


@pytest.fixture(scope="module", autouse=True)
def quick_passwords(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hashes that are made at once, but in unit tests: a quarter of a desk's tests was theirs."""
    room = request.path.relative_to(_ROOT).parts[1]
    with pytest.MonkeyPatch.context() as patch:
        if room != "unit":
            quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
            patch.setattr(passwords, "_HASHER", quick)
        yield


@pytest.fixture(scope="session")
def service_stack() -> dict[str, str]:
    """Settings of the session's stack itself; its databases are only there to be copied."""
    if problem := os.environ.get("LINLI_TEST_STACK_MISSING"):
        pytest.skip(problem)
    return stack.settings()


@pytest.fixture(scope="module")
def databases(
    service_stack: dict[str, str], request: pytest.FixtureRequest
) -> Iterator[dict[str, str]]:
    """URL settings of fresh, migrated databases of this module's own.

    Of one service below `integration/<service>`, since each copy takes a second; of all four
    elsewhere, and where the module says so with `NEEDS`.
    """
    room = request.path.relative_to(_ROOT).parts[2]
    needed = getattr(request.module, "NEEDS", (room,) if room in SERVICES else SERVICES)
    with stack.databases(uuid.uuid4().hex[:10], needed) as urls:
        yield urls


@pytest.fixture(scope="module")
def vhosts(service_stack: dict[str, str]) -> Iterator[dict[str, str]]:
    """URL settings of two fresh, empty virtual hosts of this module's own."""
    with stack.vhosts(uuid.uuid4().hex[:10]) as urls:
        yield urls


@pytest.fixture(scope="module")
def settings(
    service_stack: dict[str, str], databases: dict[str, str], vhosts: dict[str, str]
) -> dict[str, str]:
    """Every setting that our processes read, with this module's databases and virtual hosts."""
    return {**service_stack, **databases, **vhosts}
