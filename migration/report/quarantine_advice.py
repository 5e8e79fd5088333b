"""What to do about rows in quarantine: by reason, as a table of patterns and advice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from migration.report.report_model import Recommendation, Urgency
from migration.report.text_formatting import count

_REASONS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Advice:
    """`pattern` is looked for in a reason, whatever its case; the first advice that fits is given."""

    pattern: str
    title: str
    detail: str


QUARANTINE_ADVICE: Final = (
    Advice(
        r"^row is too big",
        "Split the table whose rows are too large",
        "A page of PostgreSQL takes 8,160 bytes of a row once its long values are stored apart: some 340 to 450 texts."
        " Put the columns into several tables that share the key, or those that repeat into one column of JSON, in a"
        " copy of the source, and migrate that table again (--tables).",
    ),
    Advice(
        r"^index row (size|requires)",
        "Take the index out of the way of long values",
        "An entry of the index that the reason names takes 2,704 bytes. Build one that takes any length in its place:"
        " USING hash for queries by equality, or on md5() of the column where it is unique. Then retry.",
    ),
    Advice(
        # First: the names of tables and keys in it say nothing.
        r"^no parent row in |foreign key constraint",
        "Find the parents of orphan rows",
        "Insert the missing parent rows into the target and retry, or correct the references in the source.",
    ),
    Advice(
        # Before the others: these quote names of the application's.
        r"violates .*constraint|violates not-null|for enum |no partition of relation|^invalid input syntax",
        "Satisfy the constraints of the application's tables",
        "The application's own rules refuse these rows. Correct them in the source, say by an expression what their"
        " values mean (--mapping), or change the rule; then retry.",
    ),
    Advice(
        r"utf-?8|encoding|decode|surrogate",
        "Repair text that is not UTF-8",
        "PostgreSQL stores no invalid UTF-8. Old files often hold Latin-1 or Windows-1252: decode the bytes with that"
        " encoding in the source, or store the column as bytea (--mapping).",
    ),
    Advice(
        r"\bnul\b|\\u0000|\\x00|zero byte",
        "Decide what NUL characters mean",
        "PostgreSQL's text cannot hold U+0000. Remove it in the source where it is noise, or store the column as bytea"
        " where it is data (--mapping).",
    ),
    Advice(
        r"json",
        "Repair or release the JSON that PostgreSQL does not take",
        "Correct the documents in the source, or map the column to text (--mapping), which holds them as they are.",
    ),
    Advice(
        r"bool|neither",
        "Say what the odd truth values mean",
        "A boolean holds true, false and NULL. Correct the values in the source, or map the column to smallint or text"
        " (--mapping).",
    ),
    Advice(
        r"trailing blanks",
        "Keep trailing blanks, or let them go",
        "PostgreSQL's char(n) forgets them. Map the column to varchar or text (--mapping), or trim the source.",
    ),
    Advice(
        r"date|time|epoch|calendar|year",
        "Correct dates that no calendar has",
        "Values such as 0000-00-00 or 2023-02-30 have no place in a date type. Set them to NULL in the source, or map"
        " the column to text (--mapping).",
    ),
    Advice(
        r"seconds have more than",
        "Keep the fractions of seconds, or let them go",
        "The type of the column rounds them. Give it more digits, or cut the values by an expression (--mapping).",
    ),
    Advice(
        r"not exact|exact(?:ly)? as|decimal places|digits",
        "Give exact numbers a type that keeps them exact",
        "These numbers would be rounded. Map the column to plain numeric, which keeps any number of digits"
        " (--mapping).",
    ),
    Advice(
        r"finite|\bnan\b",
        "Decide what infinity means",
        "Infinity and NaN have no place in this type. Map the column to double precision (--mapping), or correct them"
        " in the source.",
    ),
    Advice(
        r"longer than|too long|char\(",
        "Shorten the text, or widen the column",
        "Map the column to text (--mapping), unless the limit is meant.",
    ),
    Advice(
        r"range|beyond|overflow|too (?:large|big|small)|does not fit",
        "Widen the column, or correct numbers out of range",
        "Map the column to bigint or numeric (--mapping) where the values are meant; correct them in the source where"
        " they are not.",
    ),
    Advice(
        r"null",
        "Fill in what must not be NULL",
        "Give these rows a value in the source, or drop NOT NULL from the column.",
    ),
    Advice(
        r"integer|number|numeric|decimal|real|double|float|text|blob|storage|\bclass\b|binary",
        "Correct values of another kind than their column",
        "SQLite takes words in number columns and blobs in text columns; PostgreSQL does not. Correct them in the"
        " source, or map the column to a type that holds all of them, such as text or bytea (--mapping).",
    ),
)

_FALLBACK: Final = Advice(
    "", "Look at the quarantined values", "Correct them in the source, or change the column's type."
)


def advice_for(reason: str) -> Advice:
    """Return the advice for a reason of quarantine; there is one for any reason."""
    for advice in QUARANTINE_ADVICE:
        if re.search(advice.pattern, reason, re.IGNORECASE):
            return advice
    return _FALLBACK


def quarantine_advice(reasons: Mapping[str, int], run_id: str, *, dry_run: bool) -> Iterator[Recommendation]:
    """Yield one recommendation for each kind of trouble, with the query that lists its values."""
    grouped: dict[Advice, dict[str, int]] = {}
    for reason, values in reasons.items():
        grouped.setdefault(advice_for(reason), {})[reason] = values
    for advice, counts in grouped.items():
        values = sum(counts.values())
        shown = list(counts)[:_REASONS_SHOWN]
        more = f" and {len(counts) - len(shown)} more reasons" if len(counts) > len(shown) else ""
        outcome = "would stay out" if dry_run else "stayed out, with the original bytes kept in the ledger"
        yield Recommendation(
            Urgency.MUST,
            advice.title,
            f"{count(values, 'value')} ({'; '.join(shown)}{more}): their rows {outcome}. {advice.detail}",
            (_listing(run_id, shown), *([] if dry_run else [_retry(run_id)])),
        )


def _retry(run_id: str) -> str:
    return f"migration-cli quarantine retry {run_id} --mapping FILE.toml"


def _listing(run_id: str, reasons: list[str]) -> str:
    literals = ", ".join("'" + reason.replace("'", "''") + "'" for reason in reasons)
    return (
        "SELECT key, \"column\", encode(original, 'escape') FROM convoy.quarantine"
        f" WHERE run_id = '{run_id}' AND reason IN ({literals});"
    )
