"""Sessions, column types and migrations; what PostgreSQL needs that no service should repeat."""
