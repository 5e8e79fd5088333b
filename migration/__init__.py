"""SQLite to PostgreSQL, chunk by chunk, with proof: the domain, without a queue, a web server or a terminal."""
