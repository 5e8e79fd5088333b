"""Whether the tables of a target take and refuse what the source's do."""
