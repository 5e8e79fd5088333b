"""Servers and processes that the command line starts for itself, and always stops."""
