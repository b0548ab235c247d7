"""intake's tables; the constraints carry the invariants."""

from __future__ import annotations

from services.intake.models.accounts import Account, SignInFailure
from services.intake.models.base import Base, messaging, metadata
from services.intake.models.gate import (
    Contribution,
    Partner,
    PartnerCounter,
    PartnerKey,
    RejectedBody,
    Request,
    ServiceReport,
    Verdict,
)
from services.intake.models.register import Area, Household, Resident

__all__ = [
    "Account",
    "Area",
    "Base",
    "Contribution",
    "Household",
    "Partner",
    "PartnerCounter",
    "PartnerKey",
    "RejectedBody",
    "Request",
    "Resident",
    "ServiceReport",
    "SignInFailure",
    "Verdict",
    "messaging",
    "metadata",
]
