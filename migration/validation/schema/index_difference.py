"""Unique keys and indexes of two tables compared by what they find and refuse. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration.model import Finding, FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.target.pg_catalog.table_shapes import IndexShape
    from migration.validation.schema.table_pair import TablePair

_ORDERED: Final = "btree"
DEFERRED: Final = "it is checked at the end of a statement or transaction, and ON CONFLICT does not take it"


def rows_of_key(index: IndexShape, columns: Sequence[str]) -> bool:
    """Whether a valid index keeps these columns, in whatever order, unique over all rows."""
    return (
        index.is_unique
        and index.is_valid
        and index.is_plain
        and not index.is_nulls_equal
        and len(index.terms) == len(columns)
        and {_bare(term) for term in index.terms} == set(columns)
    )


def index_findings(pair: TablePair) -> Iterator[Finding]:
    """Yield what differs in unique keys and indexes; the primary key is another's affair."""
    used: set[str] = set()
    ours = [index for index in pair.fitted.indexes if not index.is_primary]
    for index in sorted(ours, key=lambda index: not index.is_unique):
        columns = {
            _bare(term) for number, term in enumerate(index.terms, 1) if number not in index.expressions
        }
        if pair.left_out & columns:
            continue
        found = next((one for one in pair.standing.indexes if _serves(one, index)), None)
        if found is not None:
            used.add(found.name)
            continue
        near = _nearest(
            index, [one for one in pair.standing.indexes if one.name not in used and not one.is_primary]
        )
        if near is None:
            kind = FindingKind.UNIQUE if index.is_unique else FindingKind.INDEX
            yield _found(pair, kind, f"No {_words(index)}, in Convoy's plan {index.name}")
            continue
        used.add(near[1].name)
        yield _found(pair, near[0], near[2])
    for extra in pair.standing.indexes:
        if extra.name in used or extra.is_primary or any(_serves(extra, one) for one in pair.fitted.indexes):
            continue
        if extra.is_unique and not pair.unknown_kinds & {"index", "unique constraint", "primary key"}:
            message = f"A {_words(extra)}, {extra.name}, stands in the target alone"
            yield _found(pair, FindingKind.EXTRA_CONSTRAINT, message)
        elif not extra.is_unique and not extra.is_valid:
            yield _found(pair, FindingKind.INDEX_INVALID, f"The {_words(extra)}, {extra.name}, is invalid")
        elif not extra.is_unique:
            message = f"An {_words(extra)}, {extra.name}, stands in the target alone"
            yield _found(pair, FindingKind.EXTRA_INDEX, message)


def _serves(theirs: IndexShape, ours: IndexShape) -> bool:
    """Whether an index does all that another one would."""
    if not theirs.is_valid or theirs.method != _ORDERED or theirs.predicate != ours.predicate:
        return False
    if ours.is_unique:
        return (
            theirs.is_unique
            and theirs.is_immediate
            and theirs.is_nulls_equal == ours.is_nulls_equal
            and sorted(_terms(theirs)) == sorted(_terms(ours))
        )
    return _terms(theirs)[: len(ours.terms)] == _terms(ours)


def _nearest(ours: IndexShape, standing: Sequence[IndexShape]) -> tuple[FindingKind, IndexShape, str] | None:
    """Return the index that was meant to be this one, and in what it differs."""
    able = [index for index in standing if index.is_unique >= ours.is_unique]
    for index in able:
        difference = _contrast(ours, index)
        if difference is not None:
            return difference[0], index, f"The {_words(ours)}: {index.name} {difference[1]}"
    for index in able:
        if index.name == ours.name:
            says = f"The {_words(ours)}: {index.name} is over ({', '.join(index.terms)})"
            return FindingKind.INDEX_EXPRESSION, index, says
    return None


def _contrast(ours: IndexShape, index: IndexShape) -> tuple[FindingKind, str] | None:
    """Return in what an index over the same terms differs; None for one over others."""
    if index.terms != ours.terms:
        return None
    is_partial = index.predicate != ours.predicate
    if index.collations != ours.collations:
        collations = ", ".join(filter(None, index.collations)) or "the columns' own"
        return None if is_partial else (FindingKind.INDEX_COLLATION, f"has another collation: {collations}")
    of, wanted = index.predicate or "all rows", ours.predicate or "all rows"
    differences = (
        (is_partial, FindingKind.INDEX_PARTIAL, f"is over {of}, and would be over {wanted}"),
        (not index.is_valid, FindingKind.INDEX_INVALID, "is invalid"),
        (index.method != ours.method, FindingKind.INDEX_METHOD, f"is of the method {index.method}"),
        (
            index.is_nulls_equal != ours.is_nulls_equal,
            FindingKind.UNIQUE_NULLS,
            "takes NULL once only: NULLS NOT DISTINCT",
        ),
        (not index.is_immediate, FindingKind.KEY_DEFERRABLE, f"is DEFERRABLE: {DEFERRED}"),
    )
    return next(((kind, words) for applies, kind, words in differences if applies), None)


def _terms(index: IndexShape) -> list[tuple[str, str]]:
    return list(zip(index.terms, index.collations, strict=True))


def _bare(term: str) -> str:
    """Return a column's name from how the server writes it."""
    return term[1:-1].replace('""', '"') if term.startswith('"') else term


def _words(index: IndexShape) -> str:
    where = f" WHERE {index.predicate}" if index.predicate else ""
    return (
        f"{'unique index' if index.is_unique else 'index'} on ({', '.join(map(_bare, index.terms))}){where}"
    )


def _found(pair: TablePair, kind: FindingKind, message: str) -> Finding:
    return Finding(kind, pair.name, message, is_error=False)
