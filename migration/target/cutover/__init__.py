"""The cutover of staged tables and its reverse, with the names and rights that it needs."""
