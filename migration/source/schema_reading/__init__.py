"""What a snapshot declares: tables, columns, keys, indexes, comments, virtual tables."""
