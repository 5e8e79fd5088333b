"""Rows for the educational database: one module for each app of the catalog."""
