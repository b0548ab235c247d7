"""The law of points: pure functions and value objects; no database, no clock of their own."""
