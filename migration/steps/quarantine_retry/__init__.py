"""Trying the quarantined rows of a finished run again, in one transaction."""
