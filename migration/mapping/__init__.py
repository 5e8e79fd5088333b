"""What becomes of a SQLite type, value and name in PostgreSQL. Pure: nothing here touches a database."""
