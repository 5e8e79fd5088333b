"""What can still be read of a damaged database, and what is lost."""
