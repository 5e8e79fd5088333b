"""The SQLite side: freeze a database, describe it, split it, profile it and read it. Nothing here ever writes to it."""
