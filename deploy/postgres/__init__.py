"""Roles and databases of the four services, made the same way everywhere."""
