"""intake's tables; the constraints carry the invariants."""

from __future__ import annotations

from services.intake.models.accounts import Account, SignInFailure
from services.intake.models.base import Base, messaging, metadata
from services.intake.models.claims import Claim, Claimant, ClaimOpening
from services.intake.models.dispatch import DispatchRules, RequestAssist
from services.intake.models.gate import (
    Contribution,
    Partner,
    PartnerCounter,
    PartnerKey,
    RejectedBody,
    ServiceReport,
    Verdict,
)
from services.intake.models.hall import (
    HallApplication,
    HallAppointment,
    HallDocument,
    HallMatter,
    HallNote,
    HallSlot,
    HallStep,
)
from services.intake.models.likeness import Likeness, RequestPrint
from services.intake.models.register import Area, Household, Resident
from services.intake.models.requests import (
    Follower,
    Request,
    RequestContact,
    RequestStep,
    StepNote,
)
from services.intake.models.staff import Post, Unit
from services.intake.models.tea_stalls import (
    PaperForm,
    Scan,
    ScanRequest,
    TeaStall,
    TeaStallRequest,
)

__all__ = [
    "Account",
    "Area",
    "Base",
    "Claim",
    "ClaimOpening",
    "Claimant",
    "Contribution",
    "DispatchRules",
    "Follower",
    "HallApplication",
    "HallAppointment",
    "HallDocument",
    "HallMatter",
    "HallNote",
    "HallSlot",
    "HallStep",
    "Household",
    "Likeness",
    "PaperForm",
    "Partner",
    "PartnerCounter",
    "PartnerKey",
    "Post",
    "RejectedBody",
    "Request",
    "RequestAssist",
    "RequestContact",
    "RequestPrint",
    "RequestStep",
    "Resident",
    "Scan",
    "ScanRequest",
    "ServiceReport",
    "SignInFailure",
    "StepNote",
    "TeaStall",
    "TeaStallRequest",
    "Unit",
    "Verdict",
    "messaging",
    "metadata",
]
