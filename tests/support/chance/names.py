"""Names that tables, columns and indexes have in the wild, and those that nobody has thought of."""

from __future__ import annotations

from hypothesis import strategies as st

_LONG = "a_name_that_is_rather_longer_than_what_postgresql_keeps_of_a_name_and_ends_in_"

ODD_NAMES = (
    # reserved words
    *("select", "table", "user", "order", "group", "limit", "from", "where", "end", "default", "all", "do"),
    # of PostgreSQL's own
    *("oid", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "OID", "Xmin"),
    # of SQLite's own
    *("rowid", "_rowid_", "ROWID"),
    # that need quotes
    *(
        "two words",
        'dou"ble',
        "sin'gle",
        "back`tick",
        "[bracket]",
        "semi;colon",
        "per%cent",
        "%s",
        "{schema}",
    ),
    *(
        "back\\slash",
        "dot.ted",
        "dash-ed",
        ":colon",
        "$1",
        "?",
        "1st",
        "new\nline",
        "tab\there",
        " lead",
        "trail ",
    ),
    *("UserId", "userId", "USERID", "user_id", "UPPER", "lower", "MiXeD"),
    # beyond ASCII; the second looks like the first
    *("Größe", "Gro\u0308ße", "名前", "имя", "🎈", "İstanbul", "ß", "\u200b", "\u00a0"),
    # longer than 63 bytes, alike in the first 63
    *(_LONG + "1", _LONG + "2", "日本語" * 11),
    "",
)

PLAIN_NAMES = (
    *("id", "name", "title", "note", "price", "amount", "flag", "created", "updated", "day", "data", "body"),
    *("kind", "state", "ref"),
)


def names() -> st.SearchStrategy[str]:
    """Return names; half of them plain."""
    anything = st.text(
        st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=8
    )
    return st.one_of(
        st.sampled_from(PLAIN_NAMES), st.sampled_from(PLAIN_NAMES), st.sampled_from(ODD_NAMES), anything
    )


def quoted(name: str) -> str:
    """Return a name as SQLite reads it back."""
    return '"' + name.replace('"', '""') + '"'
