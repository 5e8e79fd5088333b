"""All mutations, in groups that one `validate` can judge: flags and databases differ between them."""

from __future__ import annotations

from tests.acceptance.mutations.guard_mutations import GUARD_MUTATIONS
from tests.acceptance.mutations.mutation import Mutation
from tests.acceptance.mutations.refusal_mutations import REFUSAL_MUTATIONS
from tests.acceptance.mutations.row_mutations import row_mutations
from tests.acceptance.mutations.schema_mutations import SCHEMA_MUTATIONS

GROUPS = ("rows", "given", "schema")
"""Rows of tables that Convoy has made; rows of tables of an application; schemas."""


def group(name: str, *, alone: bool) -> tuple[Mutation, ...]:
    """Return the mutations of a group; `alone`: each has a table for itself."""
    if name == "schema":
        return SCHEMA_MUTATIONS + GUARD_MUTATIONS + REFUSAL_MUTATIONS
    return tuple(m for m in row_mutations(alone=alone) if bool(m.prepared) == (name == "given"))
