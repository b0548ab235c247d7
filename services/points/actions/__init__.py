"""Verbs that change the ledger; each takes an open transaction and commits nothing."""
