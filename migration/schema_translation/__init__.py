"""What a SQLite schema becomes in PostgreSQL: names, DDL, defaults, expressions, views. Pure."""
