"""What SQLite stores, turned into what PostgreSQL gets: whole columns at once, single values where need be. Pure."""
