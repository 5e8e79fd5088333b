"""Staging schema, binary COPY, indexes and constraints, and reading the rows back."""
