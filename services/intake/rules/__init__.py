"""The gate's law: pure functions, no database, no clock of their own."""
