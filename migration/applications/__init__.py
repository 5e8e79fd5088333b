"""Applications that Convoy knows: one data file for each, and what a run takes of it (docs/applications.md)."""
