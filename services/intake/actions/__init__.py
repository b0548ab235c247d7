"""Verbs that change intake's state; each takes an open transaction and commits nothing."""
