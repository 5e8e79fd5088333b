"""What commands print: progress, results, errors, and what to type next."""
