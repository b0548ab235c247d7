"""A private RabbitMQ node and PostgreSQL cluster in one directory, and what runs on them."""
