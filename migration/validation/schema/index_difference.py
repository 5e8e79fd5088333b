"""Unique keys and indexes of two tables compared by what they find and refuse. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration.model import Finding, FindingKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

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
    kept: set[str] = set()
    """Of those that are used, the ones that stand for a unique key of ours."""
    ours = [index for index in pair.fitted.indexes if not index.is_primary]
    for index in sorted(ours, key=lambda index: not index.is_unique):
        columns = {
            _bare(term) for number, term in enumerate(index.terms, 1) if number not in index.expressions
        }
        if pair.left_out & columns:
            continue
        found, finding = _counterpart(pair, index, used)
        if found is not None:
            used.add(found)
            kept |= {found} if index.is_unique else set()
        if finding is not None:
            yield finding
    yield from _extra(pair, used, kept)


def _counterpart(
    pair: TablePair, index: IndexShape, used: Collection[str]
) -> tuple[str | None, Finding | None]:
    """Return the name of the index that stands for one of ours, and what is wrong with it."""
    found = next((one for one in pair.standing.indexes if _serves(one, index)), None)
    if found is not None:
        return found.name, None
    left = [one for one in pair.standing.indexes if one.name not in used and not one.is_primary]
    near = _nearest(index, left)
    if near is None:
        kind = FindingKind.UNIQUE if index.is_unique else FindingKind.INDEX
        return None, _found(pair, kind, f"No {_words(index)}, in Convoy's plan {index.name}")
    return near[1].name, _found(pair, near[0], near[2])


def _extra(pair: TablePair, used: Collection[str], kept: Collection[str]) -> Iterator[Finding]:
    """Yield what stands in the target alone, and what refuses more than the plain index for which it stands."""
    for index in pair.standing.indexes:
        if index.is_primary or index.name in kept:
            continue
        if index.is_unique and not _refuses_no_more(pair, index):
            yield from _extra_key(pair, index)
        elif index.name in used or any(_serves(index, one) for one in pair.fitted.indexes):
            continue
        elif not index.is_unique and not index.is_valid:
            yield _found(pair, FindingKind.INDEX_INVALID, f"The {_words(index)}, {index.name}, is invalid")
        else:
            words = f"{_article(index)} {_words(index)}, {index.name},"
            note = " It refuses no more than the keys of the source" if index.is_unique else ""
            yield _found(
                pair, FindingKind.EXTRA_INDEX, f"{words} stands in the target alone{note and '.'}{note}"
            )


def _extra_key(pair: TablePair, extra: IndexShape) -> Iterator[Finding]:
    """Tell a unique index that refuses rows by itself, unless it may be one of the source that has no translation."""
    plain = next((one for one in pair.fitted.indexes if _terms(one) == _terms(extra)), None)
    if plain is None and pair.unknown_kinds & {"index", "unique constraint", "primary key"}:
        return
    note = "" if plain is None or plain.is_unique else ", where a plain one would"
    message = f"A {_words(extra)}, {extra.name}, stands in the target alone{note}: it refuses values that occur twice"
    yield _found(pair, FindingKind.EXTRA_CONSTRAINT, message)


def _refuses_no_more(pair: TablePair, extra: IndexShape) -> bool:
    """Whether a unique key of ours keeps these terms, or some of them, unique already, over as many rows."""
    return any(
        own.is_unique
        and own.predicate in {None, extra.predicate}
        and set(_terms(own)) <= set(_terms(extra))
        and (own.is_primary or own.is_nulls_equal or not extra.is_nulls_equal)
        for own in pair.fitted.indexes
    )


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
    if index.operators != ours.operators:
        kind = FindingKind.UNIQUE if ours.is_unique else FindingKind.INDEX_OPERATORS
        classes = ", ".join(filter(None, index.operators)) or "the usual one"
        return kind, f"compares by another operator class: {classes}"
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


def _terms(index: IndexShape) -> list[tuple[str, str, str]]:
    return list(zip(index.terms, index.collations, index.operators, strict=True))


def _bare(term: str) -> str:
    """Return a column's name from how the server writes it."""
    return term[1:-1].replace('""', '"') if term.startswith('"') else term


def _article(index: IndexShape) -> str:
    return "A" if index.is_unique else "An"


def _words(index: IndexShape) -> str:
    where = f" WHERE {index.predicate}" if index.predicate else ""
    return (
        f"{'unique index' if index.is_unique else 'index'} on ({', '.join(map(_bare, index.terms))}){where}"
    )


def _found(pair: TablePair, kind: FindingKind, message: str) -> Finding:
    return Finding(kind, pair.name, message, is_error=False)
