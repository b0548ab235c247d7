"""What an entry that is no award is called, and why it was made, in both languages.

Whoever makes a document writes its reason into its facts once, as `zh` and `en`; an entry without
them is told by its kind. The words of an entry never change.
"""

from __future__ import annotations

from services.points.rules.earning import RuleSet
from services.points.rules.explaining import Words, explain
from services.points.rules.statement import Entry

KINDS = {
    "posting": Words("公示期满入账", "posted after public notice"),
    "hold": Words("兑换冻结", "put aside for a redemption"),
    "redemption": Words("兑换", "redeemed"),
    "release": Words("冻结退回", "given back from a hold"),
    "expiry": Words("到期", "ended"),
    "reversal": Words("冲正", "reversed"),
    "adjustment": Words("人工调整", "adjusted by hand"),
    "import": Words("纸质存折转入", "brought in from a paper book"),
    "conversion": Words("折换", "converted"),
    "gift": Words("赠与", "given"),
    "transfer_out": Words("转出外区", "moved to another district"),
    "transfer_in": Words("外区转入", "moved in from another district"),
}


def explain_entry(entry: Entry, rules: RuleSet | None) -> Words:
    """Why an entry is what it is: by its document's words, or by the rules of its award."""
    if entry.kind not in KINDS:
        return explain(entry.kind, entry.explanation, rules)
    facts, brief = entry.explanation, KINDS[entry.kind]
    zh, en = [str(facts.get("zh") or brief.zh)], [str(facts.get("en") or brief.en)]
    if entry.checked_by is not None:
        zh.append(f"经办 {entry.made_by}，复核 {entry.checked_by}")
        en.append(f"made by {entry.made_by}, checked by {entry.checked_by}")
    text = "; ".join(part.rstrip(".") for part in en)
    return Words(
        "；".join(part.rstrip("。") for part in zh) + "。", text[:1].upper() + text[1:] + "."
    )
