"""An empty ledger for each test, on real PostgreSQL, as the application's own role."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.points.database import Ledger, opened


@pytest.fixture(scope="module")
def module_ledger(databases: dict[str, str]) -> Iterator[Ledger]:
    with opened(databases) as ledger:
        yield ledger


@pytest.fixture
def ledger(module_ledger: Ledger) -> Ledger:
    module_ledger.clear()
    return module_ledger
