"""What workers do: one file for each kind of step, each a call into the rooms below."""
