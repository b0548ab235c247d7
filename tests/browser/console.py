"""A district with a month in it, people who may sign in to it, and the pages each may see."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from services.intake.actions.accounts import add_account
from services.intake.actions.opening import Seals
from shared.crypto import BlindIndex, FieldCipher
from shared.db.session import make_engine, make_sessions
from shared.messaging import dead_letters
from shared.messaging.transaction import Transaction, transaction
from tests.browser import (
    seed_board,
    seed_clocks,
    seed_closing,
    seed_corrections,
    seed_counter,
    seed_dispatch,
    seed_lots,
    seed_proof,
    seed_public_notices,
    seed_register,
    seed_rewards,
    seed_rules,
    seed_sharing,
    seed_standing,
    seed_time_bank,
)
from tests.e2e.district import District, visiting
from tests.e2e.months import marked_month

PASSWORD = "Lantern-Bridge-42"
SENDS = 60
LETTERS = 3
_QUEUE = "points.events"


@dataclass(frozen=True)
class Page:
    """A page, by its name in the pictures, and the role that opens it ("" is a visitor)."""

    name: str
    role: str
    path: str


# {resident}, {request} and {partner} stand for those with the most to show.
PAGES = (
    Page("sign-in", "", "/sign-in"),
    Page("welcome", "", "/"),
    Page("home", "resident", "/"),
    Page("passbook", "resident", "/passbooks/{resident}"),
    Page("passbook-print", "resident", "/passbooks/{resident}?print=1"),
    Page("inbox", "resident", "/inbox"),
    Page("own-requests", "resident", "/requests"),
    Page("password", "resident", "/accounts/password"),
    Page("rules", "", "/points/rules"),
    Page("requests", "staff", "/requests"),
    Page("request", "staff", "/requests/{request}"),
    Page("request-receipt", "staff", "/requests/{request}/receipt"),
    Page("residents", "staff", "/residents"),
    Page("due", "manager", "/desk/due"),
    Page("conditions", "", "/catalogue"),
    Page("conditions-found", "", "/catalogue?q=xsd"),
    Page("conditions-versions", "manager", "/catalogue/versions"),
    Page("conditions-draft", "manager", "/catalogue/versions/{catalogue_draft}"),
    Page("calendar", "manager", "/calendar"),
    Page("resident", "staff", "/residents/{resident}"),
    Page("register", "staff", "/register"),
    Page("register-grid", "auditor", "/register?area={area}"),
    Page("building", "staff", "/register/buildings/{building}"),
    Page("household-homes", "staff", "/register/households/{household}"),
    Page("census", "staff", "/census?grid={area}"),
    Page("census-building", "staff", "/census/{building}"),
    Page("census-form", "staff", "/census/{building}/1/102/{household}"),
    Page("census-new-room", "staff", "/census/{building}/_/new/new"),
    Page("unmaskings", "auditor", "/unmaskings"),
    Page("units", "manager", "/units"),
    Page("unit", "manager", "/units/{unit}"),
    Page("register-files", "manager", "/register/files"),
    Page("register-file-good", "manager", "/register/files/{register_good}"),
    Page("register-file-bad", "manager", "/register/files/{register_bad}"),
    Page("notices", "staff", "/notices"),
    Page("points-desk", "manager", "/points/desk"),
    Page("public-notices", "", "/points/public-notices"),
    Page("public-notice", "", "/points/public-notices/{notice}"),
    Page("objection", "resident", "/points/public-notices/{notice}/objection?line=1"),
    Page("notice-desk", "manager", "/points/desk/public-notices"),
    Page("notice-new", "manager", "/points/desk/public-notices/new?{waiting}"),
    Page("notice-ledger", "auditor", "/points/desk/public-notices/{notice}"),
    Page("disputes", "manager", "/points/desk/objections"),
    Page("dispute", "manager", "/points/desk/objections/{notice}/1"),
    Page("household", "resident", "/points/households/{resident}"),
    Page("time-bank", "resident", "/points/time-bank/of/{resident}"),
    Page("time-bank-desk", "staff", "/points/time-bank"),
    Page("time-bank-peers", "manager", "/points/time-bank/peers"),
    Page("household-clerk", "staff", "/points/households/{resident}"),
    Page("household-find", "staff", "/points/households"),
    Page("rating", "resident", "/points/ratings/{resident}"),
    Page("ratings", "", "/points/ratings"),
    Page("proposals", "manager", "/points/proposals"),
    Page("declare", "manager", "/points/proposals/declare?kind=rating"),
    Page("rule-drafts", "manager", "/points/rules/drafts"),
    Page("rule-draft", "manager", "/points/rules/drafts/{rule_draft}"),
    Page("rule-draft-own", "manager", "/points/rules/drafts/{own_rule_draft}"),
    Page("rule-draft-audited", "auditor", "/points/rules/drafts/{rule_draft}"),
    Page("rewards", "resident", "/points/rewards"),
    Page("reward", "resident", "/points/rewards/{reward}"),
    Page("reward-venue", "resident", "/points/rewards/{venue}"),
    Page("reward-confirm", "resident", "/points/rewards/{reward}/confirm?quantity=2"),
    Page("reward-shared", "resident", "/points/rewards/{dear}"),
    Page("reward-confirm-shared", "resident", "/points/rewards/{dear}/confirm"),
    Page("redemptions", "resident", "/points/redemptions"),
    Page("redemption-held", "resident", "/points/redemptions/{held}"),
    Page("redemption-released", "resident", "/points/redemptions/{released}"),
    Page("redemption-honour", "resident", "/points/redemptions/{honoured}"),
    Page("honour", "", "/points/honours/{honour}"),
    Page("honour-print", "resident", "/points/honours/{honour}/print"),
    Page("redemption-shared", "resident", "/points/redemptions/{shared}"),
    Page("reward-for-somebody", "staff", "/points/rewards/{reward}"),
    Page(
        "reward-confirm-for-somebody",
        "staff",
        "/points/rewards/{reward}/confirm?resident_no={resident}",
    ),
    Page("counter", "staff", "/points/counter"),
    Page("counter-partner", "partner", "/points/counter"),
    Page("catalogue", "manager", "/points/catalogue"),
    Page("catalogue-new", "manager", "/points/catalogue/new"),
    Page("catalogue-one", "manager", "/points/catalogue/{reward}"),
    Page("catalogue-venue", "manager", "/points/catalogue/{venue}"),
    Page("catalogue-audited", "auditor", "/points/catalogue/{reward}"),
    Page("liability", "manager", "/points/liability"),
    Page("liability-audited", "auditor", "/points/liability?month=2026-01"),
    Page("budgets", "manager", "/points/budgets"),
    Page("journal", "auditor", "/points/journal"),
    Page("corrections", "manager", "/points/corrections"),
    Page("correction-new", "manager", "/points/corrections/new?resident_no={resident}"),
    Page("correction-reverse", "manager", "/points/corrections/new?award_id={award}"),
    Page("correction-waiting", "manager", "/points/corrections/{adjustment}"),
    Page("correction-reversed", "auditor", "/points/corrections/{reversal}"),
    Page("imports", "staff", "/points/imports"),
    Page("import-good", "manager", "/points/imports/{import_good}"),
    Page("import-bad", "staff", "/points/imports/{import_bad}"),
    Page("flags", "manager", "/points/flags?state="),
    Page("overview", "operator", "/overview"),
    Page("rejected", "operator", "/intake/rejected"),
    Page("open311", "operator", "/intake/open311"),
    Page("dead-letters", "operator", "/points/dead-letters"),
    Page("partners", "operator", "/partners"),
    Page("partner-managed", "operator", "/partners/{partner}"),
    Page("partner-new", "operator", "/partners/new"),
    Page("accounts", "operator", "/accounts"),
    Page("dead-letters-audited", "auditor", "/notify/dead-letters"),
    Page("partner", "partner", "/partners/{partner}"),
    Page("partner-book", "partner", "/points/partners/{partner}"),
    Page("proof", "", "/points/proof"),
    Page("certificates", "", "/points/certificates"),
    Page("certificate", "", "/points/certificates/{certificate}"),
    Page("certificate-print", "resident", "/points/certificates/{certificate}/print"),
    Page("own-certificates", "resident", "/passbooks/{resident}/certificates"),
    Page("certificates-desk", "manager", "/points/desk/certificates"),
    Page("certificate-office", "manager", "/points/desk/certificates/office?community={community}"),
    Page("board", "manager", "/board"),
    Page("board-list", "staff", "/board/list?part=resolve_due"),
    Page("board-repeats", "manager", "/board/repeats"),
    Page("board-exclusions", "manager", "/board/exclusions"),
    Page("board-public", "", "/board/public"),
    Page("requests-overdue", "staff", "/requests?group=overdue"),
    Page("own-data", "resident", "/privacy/mine"),
    Page("person-exports", "staff", "/privacy/people"),
    Page("retention", "auditor", "/privacy/retention"),
    Page("dispatch-desk", "staff", "/desk/dispatch"),
    Page("dispatch-rule-lists", "manager", "/desk/dispatch/rules"),
    Page("dispatch-rules", "manager", "/desk/dispatch/rules/{dispatch_draft}?edit=flood-at-night"),
    Page("request-returned", "staff", "/requests/{returned}"),
    Page("likeness", "staff", "/desk/likeness"),
    Page("claims", "resident", "/claims"),
    Page("claims-desk", "staff", "/desk/claims"),
    *(Page(*each) for each in seed_counter.PAGES),
    *(Page(*each) for each in seed_closing.PAGES),
    Page("docs", "", "/intake/docs"),
    Page("not-found", "", "/points/nothing-here"),
)
NOT_FOUND = "not-found"


@dataclass(frozen=True)
class Console:
    """Where it answers, and whom and what its pages are about."""

    district: District
    resident: str
    partner: str
    request: str
    seeded: dict[str, str] = field(default_factory=dict)  # more that addresses may name

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return self.district.base_url

    def address(self, page: Page) -> str:
        """The whole address of a page."""
        return self.url + page.path.format(
            resident=self.resident, partner=self.partner, request=self.request, **self.seeded
        )

    def login(self, role: str) -> str:
        """The account of this role; its password is PASSWORD."""
        return {"resident": self.resident.lower(), "partner": self.partner}.get(role, role)


@contextmanager
def lived_in(directory: Path) -> Iterator[Console]:
    """A district of processes through which a short month has gone."""
    month = marked_month(directory / "month", seed=70, sends=SENDS, barriers=1)
    with visiting(directory / "run") as district:
        district.play(month).assert_right()
        ((resident,),) = district.rows(
            "points",
            "SELECT a.owner FROM accounts a JOIN transfers t ON t.credit_account_id = a.id"
            " WHERE a.owner_kind = 'resident' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
        )
        ((partner,),) = district.rows(
            "points",
            "SELECT owner FROM accounts WHERE owner_kind = 'partner'"
            " ORDER BY balance DESC, owner LIMIT 1",
        )
        ((request,),) = district.rows(
            "intake", "SELECT request_no FROM requests ORDER BY length(title) DESC, 1 LIMIT 1"
        )
        console = Console(district, resident, partner, request)
        _add_accounts(console)
        _bury(console)
        _seed(console)
        _seed_counter(console)
        yield console


def _add_accounts(console: Console) -> None:
    with _transaction(console, "intake") as tx:
        for role, subject in (
            ("operator", None),
            ("staff", None),
            ("manager", None),
            ("auditor", None),
            ("resident", console.resident),
            ("partner", console.partner),
        ):
            add_account(
                tx,
                login=console.login(role),
                role=role,
                subject=subject,
                display_name="司徒若兰" if role == "resident" else role,
                password=PASSWORD,
            )


def _seed(console: Console) -> None:
    with _transaction(console, "intake") as tx:
        console.seeded.update(
            seed_register.lived_in(tx, console.resident, console.district.settings)
        )
    with _transaction(console, "intake") as tx:
        console.seeded.update(seed_board.went_on(tx, console.resident, console.district.settings))
    with _transaction(console, "intake") as tx:
        console.seeded.update(
            seed_dispatch.dispatched(tx, console.resident, console.district.settings)
        )
    with _transaction(console, "intake") as tx:
        console.seeded.update(seed_clocks.ticking(tx))
    ((manager,),) = console.district.rows(
        "intake", "SELECT account_no FROM accounts WHERE login = 'manager'"
    )
    with _transaction(console, "points") as tx:
        console.seeded.update(seed_rules.drafted(tx, str(manager)))
        seed_lots.owed(tx, console.resident, str(manager))
        session_key = console.district.settings["LINLI_SESSION_KEY"]
        console.seeded.update(
            seed_rewards.offered(tx, session_key, console.resident, console.partner)
        )
        console.seeded.update(seed_corrections.corrected(tx, console.resident, console.partner))
        seed_standing.stood(tx, console.resident)
        console.seeded.update(seed_sharing.shared(tx, session_key, console.resident))
        seed_time_bank.moved(tx, console.resident, console.district.settings)
        console.seeded.update(seed_proof.certified(tx, console.resident))
        console.seeded.update(seed_public_notices.shown(tx, console.resident))


def _seed_counter(console: Console) -> None:
    settings = console.district.settings
    seals = Seals(
        FieldCipher(settings["INTAKE_FIELD_KEY"]), BlindIndex(settings["INTAKE_INDEX_KEY"])
    )
    with _transaction(console, "intake") as tx:
        console.seeded.update(seed_counter.entered(tx, console.resident, seals))
        console.seeded.update(seed_closing.handled(tx, console.resident, seals))


def _bury(console: Console) -> None:
    """Letters that fail again when they are replayed, and one that cannot be replayed."""
    event = {"type": "linli.contribution.recorded.v1", "source": "/linli/intake", "data": {}}
    trace = "Traceback (most recent call last):\n  File …\nValueError: " + "a long reason " * 12
    failures = [
        dead_letters.Failure.of_event(
            _QUEUE, {**event, "id": str(uuid.uuid4())}, "handler_failed", trace, 3
        )
        for _ in range(LETTERS)
    ]
    failures.append(dead_letters.Failure.of_bytes(_QUEUE, b"{]", ValueError("not JSON")))
    with _transaction(console, "points") as tx:
        dead_letters.bury(tx.session, failures)


@contextmanager
def _transaction(console: Console, service: str) -> Iterator[Transaction]:
    engine = make_engine(console.district.settings[f"{service.upper()}_DATABASE_URL"], pool_size=1)
    try:
        with transaction(make_sessions(engine)) as tx:
            yield tx
    finally:
        engine.dispose()
