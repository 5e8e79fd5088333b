"""The copy queue: the processes that do the work; scale these."""
