"""The SQLite side: the file, its SQL and its integrity; below: snapshots, schema, rows, salvage. Never writes to it."""
