"""An application with a field of every usual type."""
