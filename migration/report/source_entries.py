"""What the report says of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.report.report_model import SourceReport
from migration.report.text_formatting import printable
from migration.secret_text import without_secrets

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Row


def source_report(record: Row[Any]) -> SourceReport:
    """Return the entry of a source, a row of the ledger, with hash and size of what the user named."""
    return SourceReport(
        printable(record.label),
        printable(without_secrets(record.location)),
        record.given_sha256 or record.sha256,
        record.given_bytes or record.bytes,
    )
