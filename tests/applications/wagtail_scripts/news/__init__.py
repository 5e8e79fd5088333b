"""An application with a page of every usual kind of field."""
