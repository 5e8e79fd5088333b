"""What a colleague would advise after reading the report: rules from figures to advice. Pure.

A rule takes the situation and yields recommendations; RULES holds them in order. Advice for quarantined values is
a table of its own (QUARANTINE_ADVICE): reason → what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from migration.applications.application_signatures import recognised
from migration.mapping_file_model import MappingFile
from migration.model import FindingKind, IfExists, Mode, Phase
from migration.name_lists import some
from migration.report import next_commands
from migration.report.epoch_advice import asked_columns, epoch_advice
from migration.report.loss_advice import loss_advice
from migration.report.object_advice import (
    foreign_key_advice,
    object_advice,
    orphan_choice,
    orphan_loss,
    qualified,
)
from migration.report.quarantine_advice import quarantine_advice
from migration.report.report_model import (
    ColumnReport,
    FindingReport,
    ObjectReport,
    QuarantineReport,
    Recommendation,
    TableReport,
    Urgency,
)
from migration.report.run_facts import ForeignKeyFacts
from migration.report.spoiled_uuid_advice import spoiled_uuid_advice
from migration.report.text_formatting import count
from migration.run_options import RunOptions
from migration.source_table_names import TableNames
from migration.ways_on import WayOn

VACUUM_STATEMENTS = 10
"""With more tables than this, one vacuumdb line is easier."""


_KEYS_DRAFTED: Final = 5


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at. `previous`: schema that keeps replaced tables → how many it keeps now."""

    run_id: str
    status: Phase
    options: RunOptions
    tables: Sequence[TableReport]
    objects: Sequence[ObjectReport]
    findings: Sequence[FindingReport]
    quarantine: QuarantineReport
    unvalidated: Sequence[ForeignKeyFacts]
    previous: Mapping[str, int]
    retries: int
    is_given_up: bool = False
    goes_on_by: str = "resume"
    """The command by which a run goes on that stands still."""
    way_on: WayOn = WayOn.RESUME
    """What helps a run that has failed."""

    @property
    def is_done(self) -> bool:
        """Whether the run reached its good end."""
        return self.status in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS)

    @property
    def has_migrated(self) -> bool:
        """Whether tables of this run stand in the target schema."""
        return self.is_done and self.options.mode is Mode.MIGRATE

    @property
    def names(self) -> TableNames:
        """How sentences name the tables."""
        return self.options.table_names

    def findings_of(self, *kinds: FindingKind) -> list[FindingReport]:
        """Return the findings of these kinds."""
        return [finding for finding in self.findings if finding.kind in kinds]


Rule = Callable[[Situation], Iterator[Recommendation]]

_RESUMED = {
    Mode.MIGRATE: "The ledger knows which chunks are committed; a resumed run copies only the others.",
    Mode.DRY_RUN: "The ledger knows which chunks were tried; a resumed run tries only the others.",
    Mode.VALIDATE: "The ledger knows which sources were compared; a resumed run compares only the others.",
}


def _resume(situation: Situation) -> Iterator[Recommendation]:
    if situation.status is not Phase.FAILED or situation.is_given_up:
        return
    cancel = next_commands.cancel(situation.run_id)
    again = next_commands.repeat(situation.options, situation.options.mode)
    if situation.way_on is WayOn.START_OVER:
        yield Recommendation(
            Urgency.MUST,
            "Find the cause, then start over",
            "This run would fail again: what it has staged, or frozen, is not what it has to be.",
            (cancel, again),
        )
    elif situation.way_on is WayOn.ASK_ANEW:
        yield Recommendation(
            Urgency.MUST,
            "Give it up, and ask for it otherwise",
            "This run would fail again: what was asked for, or what is in its snapshot, stays as it is.",
            (cancel,),
        )
    else:
        yield Recommendation(
            Urgency.MUST,
            "Repair the cause, then resume",
            _RESUMED[situation.options.mode],
            (next_commands.go_on(situation.run_id, situation.goes_on_by).command,),
        )


def _unequal(situation: Situation) -> Iterator[Recommendation]:
    unequal = [table for table in situation.tables if table.equal is False or table.conserved is False]
    if not unequal:
        return
    named = situation.findings_of(FindingKind.MISSING_ROW, FindingKind.EXTRA_ROW, FindingKind.DIFFERING_ROW)
    where = (
        " The findings name rows by key."
        if named
        else " Their digests differ, and no row of them could be named: a table without a key, or a lost finding."
    )
    yield Recommendation(
        Urgency.MUST,
        f"Do not use {some(situation.names.table(t.source, t.name) for t in unequal)} yet",
        f"{count(len(unequal), 'table')} of the target {'is' if len(unequal) == 1 else 'are'} not what the source"
        f" holds.{where} Somebody else may write to one of the two sides; stop that and compare again.",
        (next_commands.repeat(situation.options, Mode.VALIDATE),),
    )


def _quarantine(situation: Situation) -> Iterator[Recommendation]:
    yield from quarantine_advice(
        situation.quarantine.by_reason,
        situation.run_id,
        _replacing(situation.options),
        dry_run=not situation.has_migrated,
        data_only=situation.options.data_only,
        samples=situation.quarantine.sample,
        tables=situation.tables,
    )


def _replacing(options: RunOptions) -> str:
    given = options.mapping if options.mapping is not None and not options.mapping.is_profile else None
    again = replace(options, mapping=given or MappingFile("FILE.toml"), if_exists=IfExists.REPLACE)
    return next_commands.repeat(again, Mode.MIGRATE)


def _unproved(situation: Situation) -> Iterator[Recommendation]:
    if situation.has_migrated and any(table.equal is None for table in situation.tables):
        yield Recommendation(
            Urgency.MUST,
            "Compare the two sides",
            "Not every table of this run was compared. Nothing says that the rows are equal until this has run.",
            (next_commands.repeat(situation.options, Mode.VALIDATE),),
        )


def _damaged(situation: Situation) -> Iterator[Recommendation]:
    damaged = situation.findings_of(FindingKind.DAMAGED_RANGE)
    if damaged:
        hurt = some(situation.names.place(f) for f in damaged if f.table) or "no table by name"
        yield Recommendation(
            Urgency.MUST,
            "Look for a backup of the damaged source",
            f"Only what could still be read was taken; the findings list what is lost (in {hurt}). What was read may"
            " have been changed by the damage without a trace: SQLite keeps no checksums.",
        )


def _lossy(situation: Situation) -> Iterator[Recommendation]:
    yield from loss_advice(situation.findings_of(FindingKind.LOSSY_VALUE), situation.options)


def _schema(situation: Situation) -> Iterator[Recommendation]:
    orphans = situation.findings_of(FindingKind.ORPHAN_ROWS)
    yield from foreign_key_advice(situation.unvalidated, situation.names)
    if situation.options.mode is Mode.DRY_RUN:
        yield from orphan_choice(orphans, situation.options)
    else:
        yield from orphan_loss(situation.tables)
    missing = situation.findings_of(FindingKind.MISSING_CONSTRAINT)
    yield from object_advice(
        situation.objects, missing, situation.names, data_only=situation.options.data_only
    )
    sequences = situation.findings_of(FindingKind.SEQUENCE)
    if sequences:
        yield Recommendation(
            Urgency.MUST,
            "Set the sequences before the first INSERT",
            f"The next value of {some(situation.names.table(f.source, f.table) for f in sequences)} is taken or cannot"
            " be stored: see the findings.",
        )


def _unnamed_sequences(situation: Situation) -> Iterator[Recommendation]:
    """Tell what to set where an application takes numbers in its code: a load of rows cannot know for which column."""
    found = situation.findings_of(FindingKind.SEQUENCE_UNNAMED)
    names = [finding.key.replace("'", "''") for finding in found if finding.key]
    if names and (situation.has_migrated or situation.options.mode is Mode.DRY_RUN):
        yield Recommendation(
            Urgency.SHOULD,
            f"Set {count(len(names), 'sequence that belongs', 'sequences that belong')} to no column",
            f"{some(f.key or '' for f in found)}: their numbers are the application's affair, and stay where they are."
            " Where its code takes numbers from one that the source's rows hold already, its first write would take"
            " them again. Look up in its code which column that is, and set the sequence before it starts.",
            tuple(f"SELECT setval('{name}', (SELECT max(COLUMN) FROM TABLE));" for name in names),
        )


def _widened(situation: Situation) -> Iterator[Recommendation]:
    asked = asked_columns(situation.tables)
    wide: list[tuple[TableReport, ColumnReport]] = [
        (table, column)
        for table in situation.tables
        for column in table.columns
        if column.widened and (table, column) not in asked
    ]
    if asked and situation.is_done:
        yield from epoch_advice(situation.tables)
    if wide and situation.is_done:
        shown = some(
            f"{situation.names.column(t.source, t.name, c.name)} ({c.declared or 'no type'} → {c.target_type})"
            for t, c in wide
        )
        yield Recommendation(
            Urgency.SHOULD,
            "Teach the application the wider types",
            f"{count(len(wide), 'column holds', 'columns hold')} values that the declared type cannot: {shown}."
            " Models, forms and generated code that trust the declaration will meet these values.",
        )


def _spoiled(situation: Situation) -> Iterator[Recommendation]:
    yield from spoiled_uuid_advice(situation.tables)


def _keyless(situation: Situation) -> Iterator[Recommendation]:
    # The tables of an application are checked and upgraded by it: a key of ours would be in its way.
    keyless = [table for table in situation.tables if not table.has_key and table.target_table]
    if keyless and not situation.options.data_only:
        yield Recommendation(
            Urgency.SHOULD,
            f"Give {some(situation.names.table(t.source, t.name) for t in keyless)} a primary key",
            f"{count(len(keyless), 'table')} without a key: logical replication, most ORMs and naming a differing row"
            " need one. Rows were compared as a whole, duplicates included."
            + (
                " A column of yours makes the table another one than the source's: `rollback` refuses from then on, and"
                " `validate` says extra_column and extra_constraint (status 1) unless"
                " `--ignore extra_column,extra_constraint` is given. Add it when you are sure, after the last of both."
                if situation.has_migrated
                else ""
            ),
            tuple(
                f"ALTER TABLE {qualified(table)} ADD COLUMN row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;"
                for table in keyless[:_KEYS_DRAFTED]
                if situation.has_migrated
            ),
        )


def _previous(situation: Situation) -> Iterator[Recommendation]:
    if situation.has_migrated and situation.previous:
        tables, schemas = sum(situation.previous.values()), list(situation.previous)
        is_merge = situation.options.if_exists == IfExists.MERGE.value
        one = tables == 1
        before = (
            f"as {'it' if one else 'they'} stood before the merge" if is_merge else "that stood in the way"
        )
        yield Recommendation(
            Urgency.SHOULD,
            "Drop what is kept when you are sure, or go back to it"
            if is_merge
            else "Drop the replaced tables when you are sure, or go back to them",
            f"{count(tables, 'table')} {before} {'is' if one else 'are'} kept in schema {', '.join(schemas)},"
            f" and {'takes' if one else 'take'} up disk. Going back is one transaction, and needs what is kept.",
            (f"migration-cli rollback {situation.run_id}", f"migration-cli purge {situation.run_id}"),
        )


def _capitals(situation: Situation) -> Iterator[Recommendation]:
    names = [table.target_table for table in situation.tables]
    names += [column.target for table in situation.tables for column in table.columns]
    quoted = [name for name in names if name and name != name.lower()]
    if quoted and situation.options.mode is not Mode.VALIDATE:
        yield Recommendation(
            Urgency.MAY,
            "Consider names that need no quotes",
            f"{count(len(set(quoted)), 'name has', 'names have')} capitals ({some(quoted, 3)}): PostgreSQL finds them"
            " in double quotes only. --identifiers snake or lower changes that for all of them.",
        )


def _vacuum(situation: Situation) -> Iterator[Recommendation]:
    loaded = [table for table in situation.tables if table.rows_loaded]
    if not (situation.has_migrated and loaded):
        return
    if len(loaded) > VACUUM_STATEMENTS:
        schemas = dict.fromkeys(table.target_schema for table in loaded)
        flags = " ".join(f"--schema='{schema}'" for schema in schemas)
        lines: tuple[str, ...] = (
            f"vacuumdb --analyze {flags} '{next_commands.safe_url(situation.options.target)}'",
        )
    else:
        lines = tuple(f"VACUUM (ANALYZE) {qualified(table)};" for table in loaded)
    yield Recommendation(
        Urgency.MAY,
        "Vacuum before the first heavy load",
        "The planner's statistics are there. Until a vacuum has come by, index-only scans visit the heap for every"
        " row; autovacuum will do it later, perhaps in the middle of the day.",
        lines,
    )


def _retries(situation: Situation) -> Iterator[Recommendation]:
    if situation.retries:
        yield Recommendation(
            Urgency.MAY,
            "Look into why work had to be repeated",
            f"{count(situation.retries, 'attempt')} had to be made again: a worker died or lost its connection. The"
            " rows are not affected, since a chunk and its mark commit together; the time is.",
        )


def _waiting_for_others(situation: Situation) -> Iterator[Recommendation]:
    """Tell how to spread a table that one worker had to itself."""
    if situation.options.workers < 2 or not situation.has_migrated:  # noqa: PLR2004
        return
    slowest = max(situation.tables, key=lambda table: table.seconds, default=None)
    if slowest and slowest.chunks == 1 and slowest.seconds > 10:  # noqa: PLR2004
        yield Recommendation(
            Urgency.MAY,
            f"Cut {situation.names.table(slowest.source, slowest.name)} into smaller chunks next time",
            f"One worker copied it alone for {slowest.seconds:.0f} s. --chunk-rows sets the size of a chunk.",
        )


def _known_application(situation: Situation) -> Iterator[Recommendation]:
    """Tell of the profile where the tables are plainly those of an application that has one."""
    if situation.options.app or situation.options.mode is Mode.VALIDATE:
        return
    names = [table.name for table in situation.tables]
    names += [item.name for item in situation.objects if item.kind == "table"]
    named = recognised(names)
    if named is not None:
        again = replace(situation.options, app=named.name, mode=Mode.DRY_RUN)
        again = replace(again, data_only=again.data_only or named.profile.flags.data_only)
        yield Recommendation(
            Urgency.MAY,
            f"This is plainly {named.profile.title}: --app {named.name} knows its schema",
            "`migration-cli apps` tells how its tables are made, what to stop, and what to check.",
            (f"migration-cli apps {named.name}", next_commands.repeat(again, Mode.DRY_RUN)),
        )


RULES: tuple[Rule, ...] = (
    _resume,
    _unequal,
    _unproved,
    _damaged,
    _quarantine,
    _spoiled,
    _lossy,
    _schema,
    _unnamed_sequences,
    _previous,
    _widened,
    _keyless,
    _vacuum,
    _retries,
    _waiting_for_others,
    _capitals,
    _known_application,
)

_ORDER = {Urgency.MUST: 0, Urgency.SHOULD: 1, Urgency.MAY: 2}


def recommend(situation: Situation) -> tuple[Recommendation, ...]:
    """Return all that applies, most urgent first."""
    found = [recommendation for rule in RULES for recommendation in rule(situation)]
    return tuple(sorted(found, key=lambda recommendation: _ORDER[recommendation.urgency]))
