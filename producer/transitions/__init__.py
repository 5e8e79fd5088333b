"""What the producer does between a phase of a run and the next."""
