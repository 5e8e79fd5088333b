"""The ledger: tables of schema `convoy` in the target database, the only truth about a run.

Alembic (migrations/) creates and upgrades them; this module describes their present shape.
Times are `timestamptz` of the server's clock, so that workers' clocks do not matter.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Computed,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from migration.target.own_schemas import LEDGER_SCHEMA

metadata = MetaData(schema=LEDGER_SCHEMA)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _run() -> Column[str]:
    return Column(
        "run_id", Uuid(as_uuid=False), ForeignKey("convoy.runs.id", ondelete="CASCADE"), nullable=False
    )


def _time(name: str, *, now: bool = False) -> Column[datetime]:
    return Column(name, TIMESTAMP(timezone=True), server_default=func.now() if now else None)


runs = Table(
    "runs",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),  # UUIDv7
    Column("mode", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("resume_phase", Text),  # where `resume` goes on after a failure
    Column("options", JSONB, nullable=False),  # run_options.RunOptions
    Column("staging_schema", Text, nullable=False),
    Column("previous_schema", Text, nullable=False),  # holds what the cutover replaced
    Column("error", Text),
    Column("cutover", JSONB),  # what the cutover moved and created, for rollback
    # Of the options, for the claim of steps, which must not read all of them.
    Column("priority", Integer, Computed("coalesce((options->>'priority')::int, 0)", persisted=True)),
    Column("max_workers", Integer, Computed("(options->>'max_workers')::int", persisted=True)),
    _time("paused_at"),  # workers start no more of its steps, and it enters no further phase, until `resume`
    _time("cutover_since"),  # when others were first in the way of the cutover
    _time("cutover_next_at"),  # nobody tries it again before
    Column("copied_in", Text),  # pg_snapshot that sees all rows that were copied, and nothing later
    Column("traceparent", Text),  # of the request that asked for it: W3C Trace Context
    _time("created_at", now=True),
    _time("started_at"),
    _time("finished_at"),
    _time("given_up_at"),  # of a failed run: it keeps its end, and what it had staged is gone
    Index(
        "runs_working",
        "id",
        postgresql_where=text("phase IN ('profiling', 'copying', 'indexing', 'validating')"),
    ),
)

# Apart from `runs`, whose rows are locked while a run moves: each claim of a step writes here.
run_service = Table(
    "run_service",
    metadata,
    Column("run_id", Uuid(as_uuid=False), ForeignKey("convoy.runs.id", ondelete="CASCADE"), primary_key=True),
    Column("bytes", BigInteger, nullable=False),  # weight of the steps that workers have taken
    Column("claimed_at", TIMESTAMP(timezone=True), nullable=False),  # when one took the last
)

sources = Table(
    "sources",
    metadata,
    _id(),
    _run(),
    Column("label", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("snapshot", Text, nullable=False),  # path that every worker can read
    Column("sha256", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("schema", JSONB, nullable=False),  # model.SourceSchema
    Column("given_sha256", Text),  # of the user's file, where that is a dump or compressed
    Column("given_bytes", BigInteger),
    UniqueConstraint("run_id", "label"),
)

tables = Table(
    "tables",
    metadata,
    _id(),
    _run(),
    Column("source_id", BigInteger, ForeignKey("convoy.sources.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),  # counted while splitting
    Column("bytes", BigInteger, nullable=False, server_default="0"),  # values, from the profile
    Column("plan", JSONB),  # model.TablePlan, once profiled
    Column("rows_target", BigInteger),
    Column("digest_source", Text),
    Column("digest_target", Text),
    Column("digest_algorithm", Text),  # of both; NULL: not known, or not one
    Column("equal", Boolean),
    Column("guard", Text),  # of the staged table, what it is known by: target.pg_catalog.guard_triggers
    Column("signature", JSONB),  # of the staged table, as it was proved: producer.transitions.staged_proof
    Column("schema_checked", Integer),  # how much of its schema was compared; NULL: nothing
    UniqueConstraint("source_id", "name"),
)

columns = Table(
    "columns",
    metadata,
    Column("table_id", BigInteger, ForeignKey("convoy.tables.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("declared_type", Text, nullable=False),
    Column("target_name", Text, nullable=False),
    Column("target_type", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("profile", JSONB, nullable=False),  # model.ColumnProfile of the whole column
)

chunks = Table(
    "chunks",
    metadata,
    _id(),
    _run(),
    Column("table_id", BigInteger, ForeignKey("convoy.tables.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("key_range", JSONB, nullable=False),  # model.KeyRange
    Column("rows", BigInteger, nullable=False),  # counted while splitting
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("profile", JSONB),  # column name → model.ColumnProfile
    Column("orphans", JSONB(none_as_null=True)),  # list of model.Orphans, where there are any
    Column("state", Text, nullable=False, server_default="pending"),  # of the copy: model.StepState
    Column("attempts", Integer, nullable=False, server_default="0"),  # of the copy
    Column("rows_loaded", BigInteger),
    Column("rows_quarantined", BigInteger),
    Column("digest", Text),  # of the loaded rows, as read from the source
    Column("digest_algorithm", Text),  # row_hashing.algorithm_name; NULL: not known
    Column("seconds", Float),
    Column("worker", Text),
    _time("finished_at"),
    UniqueConstraint("table_id", "position"),
    Index("chunks_run", "run_id", "state"),
)

steps = Table(
    "steps",
    metadata,
    _id(),
    _run(),
    Column("phase", Text, nullable=False),  # worked on while the run is in it, or ahead (step_records.py)
    Column("stage", Integer, nullable=False, server_default="1"),  # order inside a phase
    Column("table_id", BigInteger, ForeignKey("convoy.tables.id", ondelete="CASCADE")),
    Column("chunk_id", BigInteger, ForeignKey("convoy.chunks.id", ondelete="CASCADE")),
    Column("spec", JSONB, nullable=False, server_default="{}"),
    Column(
        "weight", BigInteger, nullable=False, server_default="0"
    ),  # bytes, for order, and for what shares a message
    Column("state", Text, nullable=False, server_default="pending"),  # model.StepState
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("worker", Text),
    Column("error", Text),
    Column("result", JSONB),
    _time("sent_at"),
    _time("lease_expires_at"),
    _time("claimed_at"),
    _time("finished_at"),
    Index("steps_open", "run_id", "phase", "state"),
    Index(
        "steps_sent",
        "run_id",
        "phase",
        text("weight DESC"),
        "id",
        postgresql_where=text("state = 'pending' AND sent_at IS NOT NULL"),
    ),
    Index("steps_running", "run_id", postgresql_where=text("state = 'running'")),
)

quarantine = Table(
    "quarantine",
    metadata,
    _id(),
    _run(),
    Column("table_id", BigInteger, ForeignKey("convoy.tables.id", ondelete="CASCADE"), nullable=False),
    Column("chunk_id", BigInteger, ForeignKey("convoy.chunks.id", ondelete="CASCADE")),
    Column("key", JSONB, nullable=False),
    Column("column", Text, nullable=False),
    Column("storage_class", Text, nullable=False),
    Column("original", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Index("quarantine_run", "run_id"),
)

transforms = Table(
    "transforms",
    metadata,
    Column("chunk_id", BigInteger, ForeignKey("convoy.chunks.id", ondelete="CASCADE"), primary_key=True),
    Column("column", Text, primary_key=True),
    Column("transform", Text, primary_key=True),
    Column("values", BigInteger, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    _id(),
    _run(),
    Column("kind", Text, nullable=False),
    Column("table", Text, nullable=False),
    Column("column", Text),
    Column("key", Text),
    Column("message", Text, nullable=False),
    Column("is_error", Boolean, nullable=False),
    Column("loss", Text, nullable=False, server_default=""),
    Column("accepted_by", Text),
    Column("source", Text, nullable=False, server_default=""),
    Index("findings_run", "run_id"),
)

objects = Table(
    "objects",
    metadata,
    _id(),
    _run(),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),  # model.ObjectState
    Column("reason", Text, nullable=False, server_default=""),
    Column("owner", Text, nullable=False, server_default=""),
    UniqueConstraint("run_id", "kind", "owner", "name"),
)

events = Table(
    "events",
    metadata,
    _id(),
    _run(),
    _time("at", now=True),
    Column("kind", Text, nullable=False),  # event_names.EventName
    Column("data", JSONB, nullable=False),
    Index("events_run", "run_id", "id"),
)

# Of no run: who is there to work. Each writes its own row every few seconds (process_presence.py).
processes = Table(
    "processes",
    metadata,
    Column("kind", Text, primary_key=True),  # process_presence.ProcessKind
    Column("name", Text, primary_key=True),  # Celery's node name, as steps have it before the process id
    Column("host", Text, primary_key=True),
    Column("pid", BigInteger, primary_key=True, autoincrement=False),
    Column("version", Text, nullable=False),
    Column("slots", Integer, nullable=False),  # how much it does at once
    Column("started_at", TIMESTAMP(timezone=True), nullable=False),
    Column("seen_at", TIMESTAMP(timezone=True), nullable=False),
    _time("stopped_at"),  # when it said goodbye
)

# Nobody can have a token back from here: `sha256` is that of the whole token, which is random enough to need no salt.
access_tokens = Table(
    "access_tokens",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("scopes", JSONB, nullable=False),  # list of access_tokens.AccessScope
    _time("created_at", now=True),
    Column("created_by", Text, nullable=False),  # user@host
    _time("expires_at"),
    _time("last_used_at"),  # some seconds behind
    _time("revoked_at"),
    Column("revoked_by", Text),
    UniqueConstraint("sha256"),
    Index("access_tokens_name", "name", unique=True, postgresql_where=text("revoked_at IS NULL")),
)


def _total(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


# Totals only grow, whatever becomes of the runs that they are of. A process of the server adds to rows of its own
# (`shard`), so that no transaction waits for another; what has not changed for a while is added up in shard 0.
step_totals = Table(
    "step_totals",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("mode", Text, primary_key=True),
    Column("phase", Text, primary_key=True),
    _total("steps"),
    _total("rows"),
    _total("rows_quarantined"),
    _total("bytes"),
    Column("seconds", Float, nullable=False, server_default="0"),
    Column("waited", Float, nullable=False, server_default="0"),  # seconds from the sending to the claim
    Column(
        "seconds_buckets", ARRAY(BigInteger), nullable=False, server_default="{}"
    ),  # work_totals.BOUNDS_SECONDS
    Column("waited_buckets", ARRAY(BigInteger), nullable=False, server_default="{}"),
    _time("changed_at", now=True),
    postgresql_with={"fillfactor": "50"},
)

event_totals = Table(
    "event_totals",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    _total("value"),
    _time("changed_at", now=True),
    postgresql_with={"fillfactor": "50"},
)
