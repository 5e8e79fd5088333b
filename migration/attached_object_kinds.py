"""What others can hang on a table: the kinds that a replacement carries over, and the words of `--drop-dependents`."""

from __future__ import annotations

from typing import Final

# What can be attached to a table or view, in the order in which it is carried over to another: what others build on
# comes first, comments may speak of all others.
ATTACHED_KINDS: Final = (
    "owner",
    "access_method",
    "typed_table",
    "inheritance",
    "extension",
    "subscription",
    "other",
    "tablespace",
    "unlogged",
    "column",
    "generated_column",
    "collation",
    "sequence",
    "identity",
    "default",
    "not_null",
    "primary_key",
    "unique",
    "exclusion",
    "index",
    "check",
    "foreign_key",
    "storage_parameter",
    "column_option",
    "statistics_target",
    "extended_statistics",
    "cluster",
    "replica_identity",
    "rule",
    "trigger",
    "policy",
    "row_level_security",
    "grant",
    "column_grant",
    "sequence_grant",
    "publication",
    "comment",
    "security_label",
)
OUTSIDE_KINDS: Final = (
    "view",
    "materialized_view",
    "incoming_foreign_key",
    "child_table",
    "function",
    "outside",
)
"""What uses a table or view from outside of it."""
DROPPABLE_KINDS: Final = (*ATTACHED_KINDS, *OUTSIDE_KINDS)
"""The words of `--drop-dependents`."""
