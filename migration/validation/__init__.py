"""The proof: digests of both sides, and the names of rows that differ."""
