"""Verbs that change notify's rows. They know no transport; whoever calls them commits."""
