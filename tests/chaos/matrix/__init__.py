"""Faults and phases: what is done to a running cluster, when, and how the outcome is judged."""
