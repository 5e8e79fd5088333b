"""The control plane: preparation, planning, chords, watchdog, and the command line."""
