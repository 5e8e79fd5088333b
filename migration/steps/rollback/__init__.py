"""What a rollback would lose: writes since the cutover, counted, and written out before they go."""
