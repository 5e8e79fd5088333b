"""The user's mapping file: read, checked, laid over a schema, and written."""
