"""What to do about a certificate whose dates are not today: by the words of OpenSSL, or of who quotes it."""

from __future__ import annotations

from typing import Final

_DATES: Final = ("expired", "not yet valid", "not valid yet")
LOOK_AT_DATES: Final = (
    "Renew the certificate if its dates (openssl x509 -noout -dates) are over, else set this host's clock right"
    " (timedatectl)"
)


def remedy_of_dates(words: str) -> str | None:
    """Return what helps where an error is about a certificate's dates; None where it is about anything else.

    >>> remedy_of_dates("certificate verify failed: self-signed certificate") is None
    True
    >>> remedy_of_dates("certificate verify failed: certificate is not yet valid") == LOOK_AT_DATES
    True
    """
    told = words.lower()
    return LOOK_AT_DATES if "certificate" in told and any(sign in told for sign in _DATES) else None
