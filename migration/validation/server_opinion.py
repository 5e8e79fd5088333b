"""Asks the server about a single text: whether it takes it as a value of a type, and keeps all that it says.

For what a check of ours doubts, which is rare: each question is a statement of its own, and nothing is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from migration.target.application_tables.row_refusal_errors import refusal_of
from migration.validation.canonical_form import canonical_json

if TYPE_CHECKING:
    from sqlalchemy import Engine


class ServerOpinion:
    """Answers `Context.ask_server`.

    Args:
        engine: to the target. A connection is opened at the first question, and goes back after each.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, document: str, type_: str) -> str:
        """Return why a document is no value of `json` or `jsonb`, or would not be kept in it; empty where it is.

        Raises:
            RetryableError: the server does not answer.
        """
        statement = f"SELECT CAST(CAST(%(document)s AS pg_catalog.{type_}) AS pg_catalog.text)"
        with self._engine.connect() as connection:
            try:
                written = connection.exec_driver_sql(statement, {"document": document}).scalar_one()
            except DBAPIError as error:
                reason = refusal_of(error, object_kind="type", object=type_).reason
                return f"PostgreSQL refuses the JSON: {reason}"
        if canonical_json(written) != canonical_json(document):
            return f"{type_} would not keep a number of the JSON as it is"
        return ""
