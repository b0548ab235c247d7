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
    ServiceReport,
    Verdict,
)
from services.intake.models.register import Area, Household, Resident
from services.intake.models.requests import (
    Follower,
    Request,
    RequestContact,
    RequestStep,
    StepNote,
)
from services.intake.models.staff import Post, Unit

__all__ = [
    "Account",
    "Area",
    "Base",
    "Contribution",
    "Follower",
    "Household",
    "Partner",
    "PartnerCounter",
    "PartnerKey",
    "Post",
    "RejectedBody",
    "Request",
    "RequestContact",
    "RequestStep",
    "Resident",
    "ServiceReport",
    "SignInFailure",
    "StepNote",
    "Unit",
    "Verdict",
    "messaging",
    "metadata",
]
