"""Freezing a source into a snapshot, and the folder in which snapshots are kept."""
