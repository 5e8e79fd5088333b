"""The control plane: the state machine of runs, its transitions, chords, watchdog, and the command line."""
