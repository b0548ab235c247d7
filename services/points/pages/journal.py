"""账本导出: the form with which an auditor takes the ledger away."""

from __future__ import annotations

from flask import Blueprint, render_template

from shared.web.access import require_role


def add_journal(blueprint: Blueprint) -> None:
    """/points/journal."""

    @blueprint.get("/points/journal")
    @require_role("auditor")
    def show_journal() -> str:
        return render_template("journal.html")
