"""The rows of a snapshot: split into chunks, profiled, and read as Arrow batches."""
