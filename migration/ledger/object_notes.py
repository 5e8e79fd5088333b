"""What is said of an object after its run: put behind what the run itself has said."""

from __future__ import annotations

from sqlalchemy import Connection, case
from sqlalchemy.dialects.postgresql import insert as upsert

from migration.ledger.ledger_tables import objects
from migration.model import ObjectResult


def add_remark(connection: Connection, run_id: str, result: ObjectResult) -> None:
    """Append a reason to the line of an object; write the line where there is none. Said twice, it stands once."""
    statement = upsert(objects).values(
        run_id=run_id,
        kind=result.kind,
        name=result.name,
        state=result.state.value,
        reason=result.reason,
        owner=result.owner,
    )
    told = objects.c.reason
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["run_id", "kind", "owner", "name"],
            set_={
                "state": result.state.value,
                "reason": case(
                    (told == "", result.reason),
                    (told.endswith(result.reason, autoescape=True), told),
                    else_=told + "; " + result.reason,
                ),
            },
        )
    )
