"""Files that hold one secret each, as Docker and Kubernetes hand them to a process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic_core import PydanticCustomError

_SECRET_BYTES: Final = 65_536


def read_secret_file(file: Path, setting: str) -> str:
    """Return what a file of one secret holds, without the line end.

    Raises:
        ValueError: it cannot be read; names the setting and never the content.
    """
    try:
        if not file.is_file() or file.stat().st_size > _SECRET_BYTES:
            file.stat()  # says it better where there is none
            raise OSError(0, f"it is no regular file of {_SECRET_BYTES} bytes at most")
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise PydanticCustomError(
            "secret_file", f"{setting} names {file}, which cannot be read: {reason}"
        ) from None
