"""Verbs that change partners' rows; each takes a session and returns the events it causes."""
