"""Which PostgreSQL type a column gets: from its declaration, then from all that it holds. Pure."""
