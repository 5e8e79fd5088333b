"""Names of files as text: Linux takes any bytes for a name, while PostgreSQL, JSON and terminals take UTF-8.

Python keeps each byte that is no UTF-8 as half of a surrogate pair (PEP 383), which none of the three can store.
"""

from __future__ import annotations


def is_text(name: str) -> bool:
    """Return whether a name from the file system can be stored and shown as it is."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown_name(name: str) -> str:
    r"""Return a name with what is no UTF-8 escaped.

    >>> print(shown_name(b"bad\xff.db".decode("utf-8", "surrogateescape")))
    bad\xff.db
    """
    if is_text(name):
        return name
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # halves of pairs that came from elsewhere
        return name.encode("utf-8", "backslashreplace").decode()
