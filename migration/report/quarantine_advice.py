"""What to do about rows in quarantine: by reason, as a table of patterns and advice.

Where Convoy has made the tables, a mapping file gives a column another type; tables of an application (`--data-only`)
keep the types that they have, and only their owner can change them. So the way to a wider type is told for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from migration.report.epoch_advice import mapping_entries
from migration.report.report_model import QuarantineSample, Recommendation, TableReport, Urgency
from migration.report.text_formatting import count, toml_name, toml_table
from migration.source_table_names import TableNames
from migration.target.sql_statements import quoted

_REASONS_SHOWN = 3
_COLUMNS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Advice:
    """`pattern` is looked for in a reason, whatever its case; the first advice that fits is given.

    `holds` is a type that takes such values as they are; empty where another type is no way out.
    """

    pattern: str
    title: str
    detail: str
    holds: str = ""


ORPHAN_ADVICE: Final = Advice(
    r"^no parent row in |foreign key constraint",
    "Find the parents of orphan rows",
    "Insert the missing parent rows into the target and retry, or correct the references in the source.",
)
EPOCH_ADVICE: Final = Advice(
    r"^(?:integer|real) value in a column of type (?:date|time|interval)",
    "Say what the numbers in columns of times count",
    "A number becomes a day or a moment only where it is known what it counts, and not all numbers of these columns are"
    " plainly seconds, milliseconds or microseconds since 1970. A mapping file says what they are; retry with it.",
)
OTHER_KIND_ADVICE: Final = Advice(
    r"^(?:text|blob|integer|real) value in a column of type",
    "Correct values of another kind than their column",
    "SQLite takes words in number columns and blobs in text columns; PostgreSQL does not, and a mapping file may keep"
    " out what it would take. Correct them in the source.",
    "text",
)
QUARANTINE_ADVICE: Final = (
    EPOCH_ADVICE,
    OTHER_KIND_ADVICE,  # the name of the type says nothing of what is wrong
    ORPHAN_ADVICE,  # first: the names of tables and keys in the reason say nothing
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
        r"not a UUID|type uuid",
        "Correct what is no UUID",
        "uuid takes 32 hexadecimal digits, with or without hyphens, in any case, and blobs of 16 bytes. Where the bytes"
        ' are those of .NET\'s Guid, say so (--mapping: rules = { blob = "guid_blob_to_uuid" }). A number such as'
        " 1.2e+31 was a UUID of digits alone, which SQLite has turned into a number in a column declared UUID or GUID:"
        " take it from where else it stands (a table that refers to it, a backup).",
    ),
    Advice(
        r"may be a list in more than one way|JSON list holds|array literal|array dimensions",
        "Say what the lists mean",
        "Arrays take {a,b}, a JSON list of one kind of values, and a,b without blanks, quotes or empty parts. Write the"
        " others so by an expression (--mapping), such as '{' || replace(\"COLUMN\", ', ', ',') || '}' for a, b, and"
        " '{}' for a text without any.",
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
        " encoding in the source.",
        "bytea",
    ),
    Advice(
        r"\bnul\b|\\u0000|\\x00|zero byte",
        "Decide what NUL characters mean",
        "PostgreSQL's text cannot hold U+0000. Remove it in the source where it is noise.",
        "bytea",
    ),
    Advice(
        r"json",
        "Repair or release the JSON that PostgreSQL does not take",
        "Correct the documents in the source.",
        "text",
    ),
    Advice(
        r"bool|neither",
        "Say what the odd truth values mean",
        "A boolean holds true, false and NULL. Correct the values in the source.",
        "text",
    ),
    Advice(
        r"trailing blanks",
        "Keep trailing blanks, or let them go",
        "PostgreSQL's char(n) forgets them. Trim the source where they mean nothing.",
        "text",
    ),
    Advice(
        r"date|time|epoch|calendar|year",
        "Correct dates that no calendar has",
        "Values such as 0000-00-00 or 2023-02-30 have no place in a date type. Set them to NULL in the source.",
        "text",
    ),
    Advice(
        r"seconds have more than",
        "Keep the fractions of seconds, or let them go",
        "The type of the column rounds them. Give it more digits, or cut the values by an expression (--mapping).",
    ),
    Advice(
        r"not exact|exact(?:ly)? as|decimal places|digits",
        "Give exact numbers a type that keeps them exact",
        "These numbers would be rounded; plain numeric keeps any number of digits.",
        "numeric",
    ),
    Advice(
        r"finite|\bnan\b",
        "Decide what infinity means",
        "Infinity and NaN have no place in this type. Correct them in the source where they mean nothing.",
        "double precision",
    ),
    Advice(
        r"longer than|too long|char\(",
        "Shorten the text, or widen the column",
        "Shorten it in the source where the limit is meant.",
        "text",
    ),
    Advice(
        r"range|beyond|overflow|too (?:large|big|small)|does not fit",
        "Widen the column, or correct numbers out of range",
        "Correct them in the source where they are not meant.",
        "numeric",
    ),
    Advice(
        r"null",
        "Fill in what must not be NULL",
        "Give these rows a value in the source, or drop NOT NULL from the column.",
    ),
    replace(
        OTHER_KIND_ADVICE,
        pattern=r"integer|number|numeric|decimal|real|double|float|text|blob|storage|\bclass\b|binary",
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


def quarantine_advice(
    reasons: Mapping[str, int],
    run_id: str,
    repeat: str,
    *,
    dry_run: bool,
    data_only: bool,
    samples: Sequence[QuarantineSample] = (),
    tables: Sequence[TableReport] = (),
) -> Iterator[Recommendation]:
    """Yield one recommendation for each kind of trouble, with the query that lists its values.

    Args:
        reasons: why → number of values.
        run_id: of the run.
        repeat: the command that migrates anew, over these tables and with another mapping file.
        dry_run: whether nothing was written.
        data_only: whether the tables are an application's, which alone may change their types.
        samples: at least one value of each column and reason.
        tables: of the report, for their names in the target.
    """
    grouped: dict[Advice, dict[str, int]] = {}
    named = {(table.source, table.name): table for table in tables}
    for reason, values in reasons.items():
        grouped.setdefault(advice_for(reason), {})[reason] = values
    # Parents may be missing because they were kept out themselves: what kept them out comes first.
    for advice in sorted(grouped, key=lambda advice: advice is ORPHAN_ADVICE):
        counts = grouped[advice]
        values = sum(counts.values())
        shown = list(counts)[:_REASONS_SHOWN]
        more = f" and {len(counts) - len(shown)} more reasons" if len(counts) > len(shown) else ""
        outcome = "would stay out" if dry_run else "stayed out, with the original bytes kept in the ledger"
        theirs = [s for s in samples if s.reason in counts]
        widening = _widening(advice.holds, theirs, tables, data_only)
        detail = advice.detail
        if advice is ORPHAN_ADVICE and len(grouped) > 1:
            detail = f"First see to the parents that were kept out for another reason. {detail}"
        if widening:
            whose = (
                "change the application's column"
                if data_only
                else "let a mapping file give the column a type"
            )
            detail += f" Where they are meant, {whose}: {advice.holds} holds them."
        yield Recommendation(
            Urgency.MUST,
            advice.title,
            f"{count(values, 'value')} ({'; '.join(shown)}{more}): their rows {outcome}. {detail}",
            (
                _listing(run_id, shown),
                *widening,
                *(mapping_entries(theirs, named, _COLUMNS_SHOWN) if advice is EPOCH_ADVICE else ()),
                *([] if dry_run else [_again(run_id, repeat, has_types=bool(widening), data_only=data_only)]),
            ),
        )


def _widening(
    holds: str, samples: Sequence[QuarantineSample], tables: Sequence[TableReport], data_only: bool
) -> list[str]:
    """Return what to type, or to write into a mapping file, for each column that is to hold such values."""
    if not holds:
        return []
    places = list(dict.fromkeys((sample.source, sample.table, sample.column) for sample in samples))
    named = {(table.source, table.name): table for table in tables}
    names = TableNames.among(table.source for table in tables)
    lines = []
    for source, table, column in places[:_COLUMNS_SHOWN]:
        if not data_only:
            lines.append(
                f"[{toml_table(names.label(source), table)}.columns.{toml_name(column)}] # of the mapping file\n"
                f'type = "{holds}"'
            )
            continue
        report = named.get((source, table))
        target = next((c.target for c in report.columns if c.name == column), "") if report else ""
        if report is not None and target:
            place = quoted(report.target_schema, report.target_table)
            lines.append(f"ALTER TABLE {place} ALTER COLUMN {quoted(target)} TYPE {holds};")
    return lines


def _again(run_id: str, repeat: str, *, has_types: bool, data_only: bool) -> str:
    """Return how the rows get in: a retry changes no table, so where a column of ours needs another type, all anew."""
    if has_types and not data_only:
        return repeat
    return f"migration-cli quarantine retry {run_id}" + ("" if has_types else " --mapping FILE.toml")


def _listing(run_id: str, reasons: list[str]) -> str:
    literals = ", ".join("'" + reason.replace("'", "''") + "'" for reason in reasons)
    return (
        "SELECT key, \"column\", encode(original, 'escape') FROM convoy.quarantine"
        f" WHERE run_id = '{run_id}' AND reason IN ({literals});"
    )
