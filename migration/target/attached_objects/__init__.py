"""What others have hung on a table that a run replaces: read, carried over, refused by name, and given back."""
